/**
 * The tree of the records that lie in a repo before its first commit. A tree of 100,000 records has 30,000 nodes, of which commits show a few
 * hundred: those beside which something will be written or deleted. Only these are made. What stands for the others is a CID as
 * any: nobody who sees the commits could tell, and 2,400 large repos fit in memory.
 */
import { createHash, hash } from "node:crypto";
import { Leaf, type MemoryBlockstore, MST } from "@atproto/repo";
import { cidOfDigest } from "./names.ts";

export interface Past {
  /** Collection and record key of each record, in their order. */
  readonly paths: readonly string[];
  /** Indexes of paths that will be deleted or changed, and of those before which others will be created. */
  readonly touched: Iterable<number>;
  /** Takes the nodes; may be shared between repos. */
  readonly storage: MemoryBlockstore;
}

/**
 * The tree, from the leaves up and encoded by the library; nodes come out of the storage when they are looked at. Asked for a path that
 * is not near a touched one, it throws the library's MissingBlockError.
 */
export async function pastTree({ paths, touched, storage }: Past): Promise<MST> {
  const layers = Uint8Array.from(paths, layerOf);
  const shown = Int32Array.from(touched).sort();

  /** The node of this layer that covers the records `from` (inclusive) to `to`. */
  const nodeOf = async (from: number, to: number, layer: number): Promise<MST> => {
    if (!isTouched(shown, from, to)) return MST.load(storage, unseenNode(paths, from, layer), { layer });
    const entries: (MST | Leaf)[] = [];
    let covered = from;
    for (let index = from; index <= to; index += 1) {
      if (index < to && layers[index] !== layer) continue;
      if (index > covered) entries.push(await nodeOf(covered, index, layer - 1));
      if (index < to) entries.push(leafAt(paths, index));
      covered = index + 1;
    }
    // The constructor wants a CID; that of the node comes out of what the library encodes.
    const { cid, bytes } = await new MST(storage, unseenNode(paths, from, layer), entries, layer).serialize();
    await storage.putBlock(cid, bytes);
    return MST.load(storage, cid, { layer });
  };
  return nodeOf(
    0,
    paths.length,
    layers.reduce((a, b) => Math.max(a, b), 0),
  );
}

/** Two zero bits at the start of a key's hash are one layer (repository specification). */
function layerOf(path: string): number {
  // A text of 32 characters, one a byte, is made in half the time of a Buffer.
  const digest = hash("sha256", path, "binary");
  let bits = 0;
  for (let index = 0; index < digest.length; index += 1) {
    const byte = digest.charCodeAt(index);
    bits += Math.clz32(byte) - 24;
    if (byte !== 0) break;
  }
  return bits >> 1;
}

/** Whether a touched record lies in the range or right beside it: the node then belongs to a proof, or is merged with its neighbour. */
function isTouched(shown: Int32Array, from: number, to: number): boolean {
  let low = 0;
  let high = shown.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((shown[middle] ?? 0) < from - 1) low = middle + 1;
    else high = middle;
  }
  return low < shown.length && (shown[low] ?? 0) <= to;
}

function leafAt(paths: readonly string[], index: number): Leaf {
  const path = paths[index] ?? "";
  return new Leaf(path, cidOfDigest(createHash("sha256").update("record ").update(path).digest()));
}

function unseenNode(paths: readonly string[], from: number, layer: number): ReturnType<typeof cidOfDigest> {
  return cidOfDigest(createHash("sha256").update(`node ${layer} ${paths[from]}`).digest());
}
