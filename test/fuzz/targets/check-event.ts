/** What every event promises, whoever has decoded it. */
import { CID_PREFIX, digestOf } from "../../../lib/core/cid.ts";
import { decodeCbor } from "../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { fromDagJson, toDagJson } from "../../../lib/core/dag-json.ts";
import type { CommitEvent, CommitOp, FirehoseEvent } from "../../../lib/core/event.ts";
import { isDid, isNsid, isRkey } from "../../../lib/core/syntax.ts";
import { tidText } from "../../../lib/core/tid.ts";
import { promise } from "../fuzz.ts";

/** `frame`: what it was decoded from, where that is known. */
export function checkEvent(event: FirehoseEvent, frame: Uint8Array | null): void {
  promise(Number.isSafeInteger(event.seq) && event.seq >= 0, "seq is a safe integer, and not negative");
  promise(event.timeMs === null || Number.isSafeInteger(event.timeMs), "time is null or an integer");
  promise(isDid(event.did) || (event.kind === "rejected" && event.did === ""), "did is one");
  if (event.kind === "rejected") {
    promise(event.detail !== "" && event.detail.length < 1000, "a rejection has a short detail");
  }
  if (event.kind === "commit") checkCommit(event, frame);
}

function checkCommit(event: CommitEvent, frame: Uint8Array | null): void {
  promise(event.rev === 0n || tidText(event.rev).length === 13, "rev is a tid");
  promise(
    event.tree.length === 16 && (event.prevTree?.length ?? 16) === 16,
    "of trees 16 bytes of the digest are kept",
  );
  const faulty = event.ops.some(({ fault }) => fault !== null);
  promise(faulty === (event.rawFrame !== null), "the frame is kept where an op has a fault, and only there");
  for (const op of event.ops) {
    if (op.fault === null) checkOp(op, frame);
  }
}

function checkOp({ action, collection, rkey, cid, record }: CommitOp, frame: Uint8Array | null): void {
  promise(isNsid(collection) && isRkey(rkey), "the path of a good op is one");
  promise((action === "delete") === (record === null) && cid === null, "a good op has its record");
  if (record === null) return;
  if (frame !== null) {
    const recordCid = Buffer.concat([CID_PREFIX, digestOf(record)]);
    // Once in the op and once before the block: nothing but the frame says any more which CID the op named.
    const [first, last] = [Buffer.from(frame).indexOf(recordCid), Buffer.from(frame).lastIndexOf(recordCid)];
    promise(first >= 0 && last > first, "the record hashes to a CID that an op and a block of the frame have");
  }
  checkRecord(record);
}

/** Whether it decodes; what decodes is canonical, and its exact JSON leads back to its bytes. */
export function checkRecord(record: Uint8Array): boolean {
  const result = decodeCbor(record);
  if (!result.ok) return false;
  promise(Buffer.compare(encodeCbor(result.value), record) === 0, "what decodes is canonical");
  const { json, exact } = toDagJson(result.value);
  const back = encodeCbor(fromDagJson(JSON.parse(json)));
  promise(!exact || Buffer.compare(back, record) === 0, "exact JSON leads back to the bytes");
  return true;
}
