/**
 * @atcute/firehose, car, cbor and lexicons with the checks that ours makes: the syntax of DID, revs and paths; the commit block, its
 * hash and what it repeats of the message; each op's record and its hash, by the synchronous `crypto.hash`, the quickest there is.
 */
import { hash } from "node:crypto";
import { fromUint8Array } from "@atcute/car";
import { decode as decodeCbor, fromBytes } from "@atcute/cbor";
import type { CidLinkWrapper } from "@atcute/cid";
import { isDid, isNsid, isRecordKey, isTid } from "@atcute/lexicons/syntax";
import { decodeFrame } from "../node_modules/@atcute/firehose/dist/frame-decoder.js";
import { blocksIn, type CommitBody, findBlock } from "./atcute-commit.ts";
import type { Decode } from "./decode-harness.ts";

interface CommitBlock {
  readonly did: string;
  readonly rev: string;
  readonly version: number;
  readonly data: CidLinkWrapper;
}

/** Records become values, or stay bytes as ours do. */
export function checkedDecoder(records: "values" | "bytes"): Decode {
  return (bytes) => {
    const frame = decodeFrame(bytes);
    if (frame.type !== "message") return -1;
    if (frame.discriminator !== "#commit") return 0;
    const body = frame.body as CommitBody;
    const { repo, rev, since, commit, ops } = body;
    if (!isDid(repo) || !isTid(rev) || (since !== null && !isTid(since))) return -1;
    const car = fromUint8Array(fromBytes(body.blocks));
    const blocks = blocksIn(car);
    const commitBlock = intactBlock(blocks, commit);
    const [root] = car.roots;
    if (commitBlock === undefined || root === undefined || !sameBytes((root as CidLinkWrapper).bytes, commit.bytes))
      return -1;
    const { did, rev: commitRev, version } = decodeCbor(commitBlock) as CommitBlock;
    if (did !== repo || commitRev !== rev || version !== 3) return -1;
    let count = 0;
    for (const { action, path, cid } of ops) {
      const slashAt = path.indexOf("/");
      if (!isNsid(path.slice(0, slashAt)) || !isRecordKey(path.slice(slashAt + 1))) continue;
      if (action === "delete" || cid === null) continue;
      const record = intactBlock(blocks, cid);
      if (record === undefined) continue;
      if (records === "values") decodeCbor(record);
      count += 1;
    }
    return count;
  };
}

function intactBlock(blocks: ReturnType<typeof blocksIn>, cid: CidLinkWrapper): Uint8Array | undefined {
  const block = findBlock(blocks, cid);
  return block !== undefined && sameBytes(hash("sha256", block, "buffer"), cid.bytes.subarray(4)) ? block : undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
