/**
 * One account's repo: writes in, the #commit frame out that a PDS would send. Tree, blocks, CAR, signature and frame are made by the
 * protocol's reference library, so that what is measured never reads what it has written itself.
 */
import type { Keypair } from "@atproto/crypto";
import { encode } from "@atproto/lex-cbor";
import type { Cid, LexMap } from "@atproto/lex-data";
import { BlockMap, blocksToCarFile, type MST, signCommit } from "@atproto/repo";

export type Write =
  | { readonly action: "create" | "update"; readonly path: string; readonly record: Record<string, unknown> }
  | { readonly action: "delete"; readonly path: string };

/** Where and when a commit takes place. */
export interface Place {
  readonly seq: number;
  readonly rev: string;
  /** RFC 3339. */
  readonly time: string;
}

export interface Committed {
  readonly frame: Uint8Array;
  /** One for each write; null for a delete. */
  readonly cids: readonly (Cid | null)[];
}

export interface NewRepo {
  readonly did: string;
  readonly keypair: Keypair;
  /** What lies in it before the first commit. */
  readonly tree: MST;
  /** The rev that the first commit follows. */
  readonly rev: string;
}

/** "#commit", as in the event stream specification: op 1 is a message. */
const HEADER = { op: 1, t: "#commit" } as const;

export class SignedRepo {
  readonly did: string;
  readonly #keypair: Keypair;
  #tree: MST;
  #rev: string;

  constructor({ did, keypair, tree, rev }: NewRepo) {
    this.did = did;
    this.#keypair = keypair;
    this.#tree = tree;
    this.#rev = rev;
  }

  /** Throws where a path is created that is there, or another changed that is not. */
  async commit(writes: readonly Write[], { seq, rev, time }: Place): Promise<Committed> {
    const before = this.#tree;
    const leaves = new BlockMap();
    const ops: { action: string; path: string; cid: Cid | null; prev?: Cid }[] = [];
    let tree = before;
    for (const write of writes) {
      const prev = write.action === "create" ? null : await tree.get(write.path);
      const cid = write.action === "delete" ? null : await leaves.add(write.record as LexMap);
      tree = await changed(tree, write, cid);
      ops.push({ action: write.action, path: write.path, cid, ...(prev !== null && { prev }) });
    }
    const data = await tree.getPointer();
    const unsigned = { did: this.did, version: 3 as const, rev, prev: null, data };
    // Every node that is new stands on the way to an op or to its neighbours, so the proofs hold the whole diff.
    const blocks = new BlockMap();
    for (const { path } of ops) blocks.addMap(await tree.getCoveringProof(path));
    blocks.addMap(leaves);
    const commit = await blocks.add(await signCommit(unsigned, this.#keypair));
    const body = {
      seq,
      repo: this.did,
      commit,
      rev,
      since: this.#rev,
      prevData: await before.getPointer(),
      blocks: await blocksToCarFile(commit, blocks),
      ops,
      time,
      blobs: [],
      rebase: false,
      tooBig: false,
    };
    this.#tree = tree;
    this.#rev = rev;
    return { frame: Buffer.concat([encode(HEADER), encode(body)]), cids: ops.map(({ cid }) => cid) };
  }
}

function changed(tree: MST, write: Write, cid: Cid | null): Promise<MST> {
  if (write.action === "delete") return tree.delete(write.path);
  if (cid === null) throw new Error(`${write.action} of ${write.path} without a record`);
  return write.action === "create" ? tree.add(write.path, cid) : tree.update(write.path, cid);
}
