/** What @atcute/cbor and @atcute/car make of a #commit, and the quickest way to a block. */
import type { Bytes } from "@atcute/cbor";
import type { CidLinkWrapper } from "@atcute/cid";

interface CarBlock {
  readonly cid: { readonly bytes: Uint8Array };
  readonly bytes: Uint8Array;
}

export interface CommitBody {
  readonly repo: string;
  readonly rev: string;
  readonly since: string | null;
  readonly commit: CidLinkWrapper;
  readonly blocks: Bytes;
  readonly ops: readonly {
    readonly action: string;
    readonly path: string;
    readonly cid: CidLinkWrapper | null;
  }[];
}

/** The blocks of a CAR in their order. */
export function blocksIn(car: Iterable<CarBlock>): CarBlock[] {
  return [...car];
}

/**
 * The block with this CID. A look at each of ten blocks is quicker than a map of them, whose keys would have to be made first; the library's
 * own key, the CID's base32 string, takes longest.
 */
export function findBlock(blocks: readonly CarBlock[], { bytes: wanted }: CidLinkWrapper): Uint8Array | undefined {
  for (const { cid, bytes } of blocks) {
    if (cid.bytes[4] === wanted[4] && cid.bytes[5] === wanted[5] && Buffer.compare(cid.bytes, wanted) === 0)
      return bytes;
  }
  return undefined;
}
