/** One record to be stored → the row of its table, and what goes beside it. */

import type { Numbers } from "./choice.ts";
import { digestOf } from "./cid.ts";
import type { SubjectRef } from "./collections/collection.ts";
import { collectionOf, type ReadRecord } from "./collections/registry.ts";
import { FORM_OTHER } from "./created-at.ts";
import type { PathKey, RowChanges, SubjectKey } from "./row-change.ts";
import { latin1 } from "./utf8.ts";

export interface RecordToWrite {
  readonly path: PathKey;
  /** The rkey as an integer, for tables that have it so. */
  readonly tid: bigint | null;
  readonly rev: bigint;
  readonly bytes: Uint8Array;
  readonly read: ReadRecord;
}

/** The batch's subjects, each once; rows name them by their place, from 1. */
export class SubjectList {
  readonly #numbers: Numbers;
  readonly #keys: SubjectKey[];
  readonly #places = new Map<string, number>();

  constructor(numbers: Numbers, keys: SubjectKey[]) {
    this.#numbers = numbers;
    this.#keys = keys;
  }

  place(ref: SubjectRef): number {
    const actor = this.#numbers.actor(ref.did);
    const collection = collectionOf(ref.collection)?.id ?? this.#numbers.collection(ref.collection);
    const key = `${actor}/${collection}/${ref.rkey}/${latin1(ref.cid, 0, ref.cid.length)}`;
    const known = this.#places.get(key);
    if (known !== undefined) {
      return known;
    }
    const place = this.#keys.push({ actor, collection, rkey: ref.rkey, cid: ref.cid });
    this.#places.set(key, place);
    return place;
  }

  placeOrNull(ref: SubjectRef | null): number | null {
    return ref === null ? null : this.place(ref);
  }

  actor(did: string): number {
    return this.#numbers.actor(did);
  }
}

export function writeRecord(record: RecordToWrite, subjects: SubjectList, changes: RowChanges): void {
  const { path, rev, bytes, read } = record;
  const { row, json } = read;
  switch (row.shape) {
    case "record-edge":
    case "actor-edge":
      writeEdge(record, subjects, changes);
      if (!row.isPlain) {
        keepOriginal(record, json?.json ?? null, changes);
      }
      break;
    case "post":
      changes.posts.push({
        actor: path.actor,
        rkey: record.tid ?? 0n,
        rev,
        created: row.created,
        root: subjects.placeOrNull(row.root),
        parent: subjects.placeOrNull(row.parent),
        quote: subjects.placeOrNull(row.quote),
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

function writeEdge(record: RecordToWrite, subjects: SubjectList, changes: RowChanges): void {
  const { path, rev, bytes, read } = record;
  const { row } = read;
  const kind = path.collection;
  if (
    (row.shape !== "record-edge" && row.shape !== "actor-edge") ||
    (kind !== 1 && kind !== 2 && kind !== 3 && kind !== 4)
  ) {
    return;
  }
  changes.edges.push({
    kind,
    actor: path.actor,
    rkey: record.tid ?? 0n,
    rev,
    // Where the columns do not say everything, the code tells readers to look for the original.
    created: row.isPlain || row.created === null ? row.created : row.created | FORM_OTHER,
    subject: row.shape === "record-edge" ? subjects.place(row.subject) : subjects.actor(row.subjectDid),
    via: subjects.placeOrNull(row.via),
    // The hash of what the columns say: stored, it would be a third of the row.
    cid: row.isPlain ? null : digestOf(bytes),
  });
}

/** JSON that jsonb would not give back byte for byte: the bytes stay beside it. */
function keepInexact(record: RecordToWrite, changes: RowChanges): void {
  if (record.read.json?.exact !== true) {
    keepOriginal(record, null, changes);
  }
}

function keepOriginal(record: RecordToWrite, json: string | null, changes: RowChanges): void {
  changes.originals.push({ ...record.path, cbor: record.bytes, json });
  changes.oddActors.push(record.path.actor);
}
