/** What the consumer needs of the database. */

import type { EventBatch } from "../core/batch.ts";
import type { AuthorState, ChosenOp } from "../core/choice.ts";
import type { Gap } from "../core/cursor.ts";
import type { PackSource } from "../core/pack.ts";
import type { PathState } from "../core/plan.ts";
import type { AccountState } from "../core/plan-accounts.ts";
import type { RowChanges } from "../core/row-change.ts";

/** A unit of work as the marks know it: a pack, or one event of it. */
export interface WorkUnit {
  readonly relayId: number;
  readonly lane: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** A pack that a transaction finishes. */
export interface FinishedPack extends WorkUnit {
  readonly relay: string;
  readonly epoch: number;
  readonly lanes: number;
  readonly fence: number;
  readonly number: number;
  readonly timeMs: number | null;
  /** Where it was read, for streams whose place is kept with the batch. */
  readonly source: PackSource | null;
}

/** The last pack applied in a lane; fence 0: none yet. */
export interface LaneState {
  readonly fence: number;
  readonly number: number;
}

export interface LockRequest {
  /** Lanes, authors and accounts with #identity or #account events; each list without repetition. */
  readonly lanes: readonly number[];
  readonly authors: readonly number[];
  readonly announced: readonly number[];
  /** Trees are needed to judge a #sync. */
  readonly withTrees: boolean;
}

export interface LockedState {
  /** In the order of the authors asked for. */
  readonly authors: readonly AuthorState[];
  /** In the order asked for; null for accounts without an event so far. */
  readonly accounts: readonly (AccountState | null)[];
  /** In the order of the lanes asked for. */
  readonly lanes: readonly LaneState[];
}

/** Numbers of names. */
export interface ResolvedNames {
  readonly actors: ReadonlyMap<string, number>;
  readonly collections: ReadonlyMap<string, number>;
  /** Of each of `subjects.distinct`, in its order. */
  readonly subjects: readonly number[];
}

/** What needs numbers. */
export type Names = Pick<EventBatch, "dids" | "nsids" | "subjects">;

export interface Store {
  /** The number of a relay's epoch. */
  relayId(relay: string, epoch: number): Promise<number>;
  /** Who has begun what and never ended it. */
  readonly marks: WorkMarks;
  /** One transaction: committed when `work` resolves, rolled back when it rejects. Rejects with a StoreError. */
  transact<Result>(work: (transaction: StoreTransaction) => Promise<Result>): Promise<Result>;
}

export interface WorkMarks {
  /** Marks the units as begun by this process; tells for each how many processes died over it (or over what overlaps it). */
  begin(units: readonly WorkUnit[], options: { readonly single: boolean }): Promise<readonly number[]>;
  /** After a failure that this process survived: these units and their events. Never rejects, and takes a second at the most. */
  release(units: readonly WorkUnit[]): Promise<void>;
}

export interface StoreTransaction {
  /** Numbers of names and subjects; new ones are added, for good whatever becomes of the transaction: it is not a part of it, and comes before every other call. */
  resolve(names: Names): Promise<ResolvedNames>;
  /** Locks lanes, repos and accounts, and tells what is stored of them. */
  lock(request: LockRequest): Promise<LockedState>;
  pathStates(ops: readonly ChosenOp[]): Promise<ReadonlyMap<ChosenOp, PathState>>;
  /** Writes everything, ends the marks and moves the lanes on, as the last call of a transaction. */
  write(changes: RowChanges, end: WorkEnd): Promise<void>;
}

/** What a transaction brings to an end. */
export interface WorkEnd {
  readonly packs: readonly FinishedPack[];
  /** One event worked alone: its mark goes, its pack's stays. */
  readonly single: WorkUnit | null;
  readonly gaps: readonly Gap[];
  /** The lane whose row counts the records added and removed; it must be locked. */
  readonly countLane: number;
  /** The dead letter that this transaction closes. */
  readonly letter: ClosedLetter | null;
  readonly writtenAtMs: number;
}

export interface ClosedLetter {
  readonly id: string;
  readonly state: "applied" | "superseded";
}

/** An open dead letter as a retry reads it. */
export interface LetterToRetry {
  readonly id: string;
  /** `op`, `event`, `frame` or `pack`. */
  readonly scope: string;
  readonly relay: string;
  readonly epoch: number;
  readonly seq: number | null;
  readonly envelope: Uint8Array | null;
  readonly bytes: Uint8Array | null;
  readonly writtenAtMs: number;
}

/**
 * What the database answered, told apart by what helps: `transient` passes (away, busy, read-only, full, not migrated yet)
 * and the same work can be tried again; `poison` comes from the values themselves.
 */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly kind: "transient" | "poison";
  /** SQLSTATE or the system's error code, where there was one. */
  readonly code: string | null;

  constructor(
    message: string,
    options: { readonly kind: "transient" | "poison"; readonly code: string | null; readonly cause: unknown },
  ) {
    super(message, { cause: options.cause });
    this.kind = options.kind;
    this.code = options.code;
  }
}
