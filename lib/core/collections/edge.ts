/** Likes, reposts, follows and blocks: 88 % of all records, and columns say all of nearly each. */
import { isWholeText } from "../created-at.ts";
import type { CborMap } from "../dag-cbor.ts";
import type { Row } from "./collection.ts";
import { createdField, didField, isBareRef, misfit, missingText, refOf } from "./fields.ts";

const FIELDS = 3; // $type, subject, createdAt

/** {$type, subject: strongRef, createdAt, via?: strongRef} */
export function readRecordEdge(record: CborMap): Row {
  const missing = missingText(record, ["createdAt"]);
  if (missing !== undefined) {
    return missing;
  }
  const subject = refOf(record.get("subject"));
  if (subject === undefined) {
    return misfit("field subject is no reference to a record (at://did/collection/rkey with its cid)");
  }
  const created = createdField(record);
  const via = refOf(record.get("via")) ?? null;
  const isPlain = isWholeText(created) && isBareRef(record.get("subject")) && saysVia(record, via !== null);
  return { shape: "record-edge", created, subject, via, isPlain };
}

/** {$type, subject: DID, createdAt, via?: strongRef} */
export function readActorEdge(record: CborMap): Row {
  const missing = missingText(record, ["subject", "createdAt"]);
  if (missing !== undefined) {
    return missing;
  }
  const subjectDid = didField(record, "subject");
  if (subjectDid === undefined) {
    return misfit("field subject is no DID");
  }
  const created = createdField(record);
  const via = refOf(record.get("via")) ?? null;
  return {
    shape: "actor-edge",
    created,
    subjectDid,
    via,
    isPlain: isWholeText(created) && saysVia(record, via !== null),
  };
}

function saysVia(record: CborMap, hasVia: boolean): boolean {
  return hasVia ? record.size === FIELDS + 1 && isBareRef(record.get("via")) : record.size === FIELDS;
}
