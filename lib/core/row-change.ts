/** RowChange: what a batch changes in the database, in the terms of its base tables. One list a table; the store turns lists into arrays. */
import type { Digest, DigestPrefix } from "./event.ts";

/** Tables with an integer rkey: 1 like, 2 repost, 3 follow, 4 block, 5 post (the collections' fixed numbers). */
export type TidKind = 1 | 2 | 3 | 4 | 5;

export interface RepoChange {
  readonly actor: number;
  readonly rev: bigint;
  readonly contiguousFrom: bigint;
  /** How many broken chains this batch adds. */
  readonly broken: number;
  readonly tree: DigestPrefix | null;
}

export interface EdgeRow {
  readonly kind: 1 | 2 | 3 | 4;
  readonly actor: number;
  readonly rkey: bigint;
  readonly rev: bigint;
  /** As `edgeCreated` gives it, or CREATED_ELSEWHERE. */
  readonly created: number;
  /** Likes, reposts: the subject's number. Follows, blocks: the actor's. */
  readonly subject: number;
  readonly via: number | null;
  /** Null where the columns say the whole record. */
  readonly cid: Digest | null;
}

export interface PostChange {
  readonly actor: number;
  readonly rkey: bigint;
  readonly rev: bigint;
  readonly created: bigint | null;
  /** Numbers of subjects. */
  readonly root: number | null;
  readonly parent: number | null;
  readonly quote: number | null;
  readonly cid: Digest;
  readonly json: string;
}

/** A record's place when its rkey is text. */
export interface PathKey {
  readonly actor: number;
  readonly collection: number;
  readonly rkey: string;
}

export interface DocumentChange extends PathKey {
  readonly rev: bigint;
  readonly created: bigint | null;
  readonly cid: Digest;
  readonly json: string;
}

export interface MisfitChange extends PathKey {
  readonly rev: bigint;
  readonly cid: Digest;
  readonly problem: string;
  readonly cbor: Uint8Array;
  readonly json: string | null;
}

export interface OriginalChange extends PathKey {
  readonly cbor: Uint8Array;
  readonly json: string | null;
  /** `createdAt` of an edge, whose row leaves it to this one; null for what has a column of its own, or no time. */
  readonly created: bigint | null;
}

export interface TidRemoval {
  readonly kind: TidKind;
  readonly actor: number;
  readonly rkey: bigint;
}

/** A path of an odd actor that was written or deleted: its misfit, original bytes and older dead letters go. */
export interface OddPath extends PathKey {
  readonly did: string;
  readonly nsid: string;
  readonly rev: bigint;
}

export interface Tombstone extends PathKey {
  readonly rev: bigint;
}

export interface AccountChange {
  readonly actor: number;
  readonly account: {
    readonly relay: number;
    readonly seq: number;
    readonly active: boolean;
    readonly status: string | null;
  } | null;
  readonly identity: { readonly relay: number; readonly seq: number; readonly handle: string | null } | null;
}

export interface DeadLetter {
  /** Identity: the same letter written again is the same row. */
  readonly digest: Digest;
  readonly scope: "op" | "event" | "frame" | "pack";
  readonly reason: string;
  readonly detail: string;
  readonly relay: string;
  readonly epoch: number;
  readonly seq: number | null;
  readonly did: string | null;
  readonly path: {
    readonly collection: string;
    readonly rkey: string;
    readonly rev: bigint;
    readonly action: string;
  } | null;
  readonly timeMs: number | null;
  /** The event reduced to what is dead, in the envelope form of packs: what a retry reads. */
  readonly envelope: Uint8Array | null;
  /** What came over the wire. */
  readonly bytes: Uint8Array | null;
  /** A newer version of the record is stored already: written as closed. */
  readonly isSuperseded: boolean;
}

/** All changes of one transaction. */
export interface RowChanges {
  readonly repos: RepoChange[];
  /** Authors without a row in `account`. */
  readonly newAuthors: number[];
  readonly accounts: AccountChange[];
  readonly removals: TidRemoval[];
  readonly documentRemovals: PathKey[];
  readonly edges: EdgeRow[];
  readonly posts: PostChange[];
  readonly documents: DocumentChange[];
  readonly misfits: MisfitChange[];
  readonly originals: OriginalChange[];
  readonly oddPaths: OddPath[];
  readonly oddActors: number[];
  readonly tombstones: Tombstone[];
  readonly deadLetters: DeadLetter[];
}

export function noChanges(): RowChanges {
  return {
    repos: [],
    newAuthors: [],
    accounts: [],
    removals: [],
    documentRemovals: [],
    edges: [],
    posts: [],
    documents: [],
    misfits: [],
    originals: [],
    oddPaths: [],
    oddActors: [],
    tombstones: [],
    deadLetters: [],
  };
}
