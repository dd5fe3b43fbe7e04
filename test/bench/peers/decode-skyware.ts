/** @skyware/firehose's own parser, without its socket: every block is decoded to values, no hash is checked. */
import { Firehose } from "@skyware/firehose";
import type { Decode } from "./decode-harness.ts";

interface Parser {
  parseMessage(
    frame: Uint8Array,
  ): Promise<{ readonly $type: string; readonly ops?: readonly { readonly action: string }[] }>;
}

/** The constructor opens a socket; none is needed here. */
class NoSocket {}

export function decoder(): Decode {
  const parser = new Firehose({ ws: NoSocket as never }) as unknown as Parser;
  return async (frame) => {
    const { ops = [] } = await parser.parseMessage(frame);
    return ops.filter(({ action }) => action !== "delete").length;
  };
}
