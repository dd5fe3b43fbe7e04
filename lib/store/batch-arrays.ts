/** RowChanges → the arguments of standpipe.write_batch, in the order in which the function declares them. */
import type { RowChanges } from "../core/row-change.ts";
import { byteaArray, int4Array, int8Array, jsonbArray, textArray } from "./arrays.ts";

/** Edges go kind after kind, with the place where each kind ends: a function that writes one table is given its part. */
const EDGE_KINDS = [1, 2, 3, 4] as const;

/** Type and value of each argument after the tick. */
export function batchArguments(changes: RowChanges): { readonly type: string; readonly value: Buffer }[] {
  const { repos, newAuthors, removals, posts, documentRemovals, documents, tombstones } = changes;
  const edges = changes.edges.toSorted((a, b) => a.kind - b.kind);
  return [
    int4(repos, (row) => row.actor),
    int8(repos, (row) => row.rev),
    int8(repos, (row) => row.contiguousFrom),
    int4(repos, (row) => row.broken),
    bytea(repos, (row) => row.tree),
    int4(newAuthors, (actor) => actor),
    int4(removals, (row) => row.kind),
    int4(removals, (row) => row.actor),
    int8(removals, (row) => row.rkey),
    int4(EDGE_KINDS, (kind) => edges.filter((row) => row.kind <= kind).length),
    int4(edges, (row) => row.actor),
    int8(edges, (row) => row.rkey),
    int8(edges, (row) => row.rev),
    int4(edges, (row) => row.created),
    int4(edges, (row) => row.subject),
    int4(edges, (row) => row.via),
    bytea(edges, (row) => row.cid),
    int4(posts, (row) => row.actor),
    int8(posts, (row) => row.rkey),
    int8(posts, (row) => row.rev),
    int8(posts, (row) => row.created),
    int4(posts, (row) => row.root),
    int4(posts, (row) => row.parent),
    int4(posts, (row) => row.quote),
    bytea(posts, (row) => row.cid),
    jsonb(posts, (row) => row.json),
    int4(documentRemovals, (row) => row.actor),
    int4(documentRemovals, (row) => row.collection),
    text(documentRemovals, (row) => row.rkey),
    int4(documents, (row) => row.actor),
    int4(documents, (row) => row.collection),
    text(documents, (row) => row.rkey),
    int8(documents, (row) => row.rev),
    int8(documents, (row) => row.created),
    bytea(documents, (row) => row.cid),
    jsonb(documents, (row) => row.json),
    int4(tombstones, (row) => row.actor),
    int4(tombstones, (row) => row.collection),
    text(tombstones, (row) => row.rkey),
    int8(tombstones, (row) => row.rev),
  ];
}

/** An argument per column of `rows`, typed. */
export function int4<Row>(rows: readonly Row[], pick: (row: Row) => number | null) {
  return { type: "int4[]", value: int4Array(rows.map(pick)) };
}

export function int8<Row>(rows: readonly Row[], pick: (row: Row) => bigint | null) {
  return { type: "int8[]", value: int8Array(rows.map(pick)) };
}

export function text<Row>(rows: readonly Row[], pick: (row: Row) => string | null) {
  return { type: "text[]", value: textArray(rows.map(pick)) };
}

export function bytea<Row>(rows: readonly Row[], pick: (row: Row) => Uint8Array | null) {
  return { type: "bytea[]", value: byteaArray(rows.map(pick)) };
}

export function jsonb<Row>(rows: readonly Row[], pick: (row: Row) => string | null) {
  return { type: "jsonb[]", value: jsonbArray(rows.map(pick)) };
}
