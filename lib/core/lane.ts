/** DID to lane. Part of the format (docs/formats.md): another result for one DID would break its order for ever. */

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

const utf8 = new TextEncoder();

/**
 * The lane, 0 … lanes−1, of everything that this DID says: FNV-1a (32 bits) over its UTF-8, with the upper half folded into the
 * lower (`h ^ h >>> 16`), modulo `lanes`. An event whose DID could not be read ("") has a lane as well.
 */
export function laneOf(did: string, lanes: number): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < did.length; index++) {
    const code = did.charCodeAt(index);
    if (code > 0x7f) return foldedModulo(hashBytes(utf8.encode(did)), lanes);
    hash = Math.imul(hash ^ code, FNV_PRIME);
  }
  return foldedModulo(hash, lanes);
}

function hashBytes(bytes: Uint8Array): number {
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash;
}

function foldedModulo(hash: number, lanes: number): number {
  return ((hash ^ (hash >>> 16)) >>> 0) % lanes;
}
