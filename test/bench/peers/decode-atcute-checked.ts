/** @atcute with our checks, its records decoded to values. */
import { checkedDecoder } from "./atcute-checked.ts";
import type { Decode } from "./decode-harness.ts";

export function decoder(): Decode {
  return checkedDecoder("values");
}
