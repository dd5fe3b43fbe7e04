/** One record to be stored → the row of its table, and what goes beside it. */

import type { Numbers } from "./choice.ts";
import { digestOf } from "./cid.ts";
import type { SubjectRef } from "./collections/collection.ts";
import type { ReadRecord } from "./collections/registry.ts";
import { CREATED_ELSEWHERE, edgeCreated } from "./created-at.ts";
import type { PathKey, RowChanges } from "./row-change.ts";

export interface RecordToWrite {
  readonly path: PathKey;
  /** The rkey as an integer, for tables that have it so. */
  readonly tid: bigint | null;
  readonly rev: bigint;
  readonly bytes: Uint8Array;
  readonly read: ReadRecord;
}

export function writeRecord(record: RecordToWrite, numbers: Numbers, changes: RowChanges): void {
  const { path, rev, bytes, read } = record;
  const { row, json } = read;
  switch (row.shape) {
    case "record-edge":
    case "actor-edge":
      writeEdge(record, numbers, changes);
      if (!row.isPlain) {
        keepOriginal(record, { json: json?.json ?? null, created: row.created }, changes);
      }
      break;
    case "post":
      changes.posts.push({
        actor: path.actor,
        rkey: record.tid ?? 0n,
        rev,
        created: row.created,
        root: subjectOrNull(row.root, numbers),
        parent: subjectOrNull(row.parent, numbers),
        quote: subjectOrNull(row.quote, numbers),
        cid: digestOf(bytes),
        json: json?.json ?? "null",
      });
      keepInexact(record, changes);
      break;
    case "document":
      changes.documents.push({ ...path, rev, created: row.created, cid: digestOf(bytes), json: json?.json ?? "null" });
      keepInexact(record, changes);
      break;
    case "misfit":
      changes.misfits.push({
        ...path,
        rev,
        cid: digestOf(bytes),
        problem: row.problem,
        cbor: bytes,
        json: json?.json ?? null,
      });
      changes.oddActors.push(path.actor);
      break;
  }
}

function writeEdge(record: RecordToWrite, numbers: Numbers, changes: RowChanges): void {
  const { path, rev, bytes, read } = record;
  const { row } = read;
  const kind = path.collection;
  if (
    (row.shape !== "record-edge" && row.shape !== "actor-edge") ||
    (kind !== 1 && kind !== 2 && kind !== 3 && kind !== 4)
  ) {
    return;
  }
  const rkey = record.tid ?? 0n;
  changes.edges.push({
    kind,
    actor: path.actor,
    rkey,
    rev,
    // Where the columns do not say everything, this tells readers to look for the original.
    created: (row.isPlain ? edgeCreated(row.created, rkey) : null) ?? CREATED_ELSEWHERE,
    subject: row.shape === "record-edge" ? numbers.subject(row.subject) : numbers.actor(row.subjectDid),
    via: subjectOrNull(row.via, numbers),
    // The hash of what the columns say: stored, it would be a third of the row.
    cid: row.isPlain ? null : digestOf(bytes),
  });
}

/** JSON that jsonb would not give back byte for byte: the bytes stay beside it. */
function keepInexact(record: RecordToWrite, changes: RowChanges): void {
  if (record.read.json?.exact !== true) {
    keepOriginal(record, { json: null, created: null }, changes);
  }
}

/** `json` and `created` where the record's row has no column for them. */
function keepOriginal(
  record: RecordToWrite,
  beside: { readonly json: string | null; readonly created: bigint | null },
  changes: RowChanges,
): void {
  changes.originals.push({ ...record.path, cbor: record.bytes, ...beside });
  changes.oddActors.push(record.path.actor);
}

function subjectOrNull(ref: SubjectRef | null, numbers: Numbers): number | null {
  return ref === null ? null : numbers.subject(ref);
}
