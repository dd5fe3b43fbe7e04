/** @atcute/firehose, car and cbor as their README has it: frame, blocks of the CAR, the ops' records. No hash is checked. */
import { fromUint8Array } from "@atcute/car";
import { decode as decodeCbor, fromBytes } from "@atcute/cbor";
import { decodeFrame } from "../node_modules/@atcute/firehose/dist/frame-decoder.js";
import { blocksIn, type CommitBody, findBlock } from "./atcute-commit.ts";
import type { Decode } from "./decode-harness.ts";

export function decoder(): Decode {
  return (bytes) => {
    const frame = decodeFrame(bytes);
    if (frame.type !== "message") return -1;
    if (frame.discriminator !== "#commit") return 0;
    const { blocks, ops } = frame.body as CommitBody;
    const found = blocksIn(fromUint8Array(fromBytes(blocks)));
    let records = 0;
    for (const { action, cid } of ops) {
      if (action === "delete" || cid === null) continue;
      const block = findBlock(found, cid);
      if (block === undefined) continue;
      decodeCbor(block);
      records += 1;
    }
    return records;
  };
}
