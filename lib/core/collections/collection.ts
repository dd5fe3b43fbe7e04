/** What a collection's file says, and the rows that records become. */

import type { CborMap } from "../dag-cbor.ts";
import type { Digest } from "../event.ts";

/** A strongRef whose parts fit the dictionary of subjects. */
export interface SubjectRef {
  readonly did: string;
  readonly collection: string;
  readonly rkey: string;
  readonly cid: Digest;
}

/** Like or repost: an edge from an account to a version of a record. */
export interface RecordEdge {
  readonly shape: "record-edge";
  readonly created: bigint | null;
  readonly subject: SubjectRef;
  readonly via: SubjectRef | null;
  /** The columns say everything: the record can be rebuilt from them. */
  readonly isPlain: boolean;
}

/** Follow or block: an edge between accounts. */
export interface ActorEdge {
  readonly shape: "actor-edge";
  readonly created: bigint | null;
  readonly subjectDid: string;
  readonly via: SubjectRef | null;
  readonly isPlain: boolean;
}

export interface PostRow {
  readonly shape: "post";
  readonly created: bigint | null;
  readonly root: SubjectRef | null;
  readonly parent: SubjectRef | null;
  readonly quote: SubjectRef | null;
}

/** Any other collection: the record as JSON is the row. */
export interface DocumentRow {
  readonly shape: "document";
  readonly created: bigint | null;
}

/** The collection's table cannot take it: one line for a person. */
export interface MisfitRow {
  readonly shape: "misfit";
  readonly problem: string;
}

export type Row = RecordEdge | ActorEdge | PostRow | DocumentRow | MisfitRow;

/** `tid` and `self` are what the lexicon's `key` says; `any` is every rkey. */
export type RecordKey = "tid" | "self" | "any";

export interface Collection {
  readonly nsid: string;
  /** Its number in standpipe.collection, fixed by the migrations; 1 to 5 have tables of their own. */
  readonly id: number;
  /** The view that people query. */
  readonly view: string;
  readonly key: RecordKey;
  /** The record's `$type` and rkey have been checked; tells the row, or what is missing. */
  readonly read: (record: CborMap) => Row;
}
