/** @atcute with our checks, its records left as the bytes that they are, as ours leaves them. */
import { checkedDecoder } from "./atcute-checked.ts";
import type { Decode } from "./decode-harness.ts";

export function decoder(): Decode {
  return checkedDecoder("bytes");
}
