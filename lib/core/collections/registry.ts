/** All collections that have a view of their own, and how any record becomes a row. */

import { edgeCreated } from "../created-at.ts";
import { type CborValue, decodeCbor } from "../dag-cbor.ts";
import { type DagJson, toDagJson } from "../dag-json.ts";
import { parseTid } from "../tid.ts";
import { BLOCK } from "./block.ts";
import type { Collection, Row } from "./collection.ts";
import { FEED_GENERATOR } from "./feed-generator.ts";
import { createdField, misfit, textField } from "./fields.ts";
import { FOLLOW } from "./follow.ts";
import { LABELER_SERVICE } from "./labeler-service.ts";
import { LIKE } from "./like.ts";
import { LIST } from "./list.ts";
import { LIST_BLOCK } from "./list-block.ts";
import { LIST_ITEM } from "./list-item.ts";
import { readPlainEdge } from "./plain-edge.ts";
import { POST } from "./post.ts";
import { POST_GATE } from "./post-gate.ts";
import { PROFILE } from "./profile.ts";
import { REPOST } from "./repost.ts";
import { STARTER_PACK } from "./starter-pack.ts";
import { THREAD_GATE } from "./thread-gate.ts";
import { VERIFICATION } from "./verification.ts";

export const COLLECTIONS: readonly Collection[] = [
  LIKE,
  REPOST,
  FOLLOW,
  BLOCK,
  POST,
  PROFILE,
  LIST,
  LIST_ITEM,
  LIST_BLOCK,
  FEED_GENERATOR,
  STARTER_PACK,
  LABELER_SERVICE,
  VERIFICATION,
  THREAD_GATE,
  POST_GATE,
];

const BY_NSID = new Map(COLLECTIONS.map((collection) => [collection.nsid, collection]));

/** The collection with a view of its own, or undefined: then its records are documents of `generic_records`. */
export function collectionOf(nsid: string): Collection | undefined {
  return BY_NSID.get(nsid);
}

/** A record read for its table. */
export interface ReadRecord {
  readonly row: Row;
  /** For what is kept as JSON: everything but plain edges. Null where the bytes are no DAG-CBOR. */
  readonly json: DagJson | null;
}

/** The record's bytes (they have been hashed) → its row. Never fails: what fits nowhere is a misfit. */
export function readRecord(nsid: string, rkey: string, bytes: Uint8Array): ReadRecord {
  const tid = parseTid(rkey);
  const plain = tid === undefined ? undefined : readPlainEdge(nsid, bytes);
  return tid === undefined || plain === undefined || edgeCreated(plain.created, tid) === null
    ? decodeRecord(nsid, rkey, bytes)
    : { row: plain, json: null };
}

/** `readRecord` of any record, by decoding it. */
export function decodeRecord(nsid: string, rkey: string, bytes: Uint8Array): ReadRecord {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) {
    return { row: misfit(`no DAG-CBOR: ${decoded.reason} at byte ${decoded.offset}`), json: null };
  }
  const row = rowOf(collectionOf(nsid), nsid, rkey, decoded.value);
  const saysItAll = (row.shape === "record-edge" || row.shape === "actor-edge") && row.isPlain;
  return { row, json: saysItAll ? null : toDagJson(decoded.value) };
}

function rowOf(collection: Collection | undefined, nsid: string, rkey: string, value: CborValue): Row {
  if (collection === undefined) {
    return { shape: "document", created: value instanceof Map ? createdField(value) : null };
  }
  if (!fitsKey(collection, rkey)) {
    return misfit(`rkey is no ${collection.key === "self" ? "'self'" : "TID"}`);
  }
  if (!(value instanceof Map)) {
    return misfit("the record is no object");
  }
  if (textField(value, "$type") !== nsid) {
    return misfit(value.has("$type") ? "$type is another than the collection" : "$type is missing");
  }
  return withinItsColumns(collection.read(value), rkey);
}

/** A time far from the rkey's does not fit an edge's column. */
function withinItsColumns(row: Row, rkey: string): Row {
  if ((row.shape !== "record-edge" && row.shape !== "actor-edge") || !row.isPlain) {
    return row;
  }
  return edgeCreated(row.created, parseTid(rkey) ?? 0n) === null ? { ...row, isPlain: false } : row;
}

function fitsKey(collection: Collection, rkey: string): boolean {
  switch (collection.key) {
    case "tid":
      return parseTid(rkey) !== undefined;
    case "self":
      return rkey === "self";
    case "any":
      return true;
  }
}
