/** One of the two databases that are compared. Its schema is its own affair; records and times come out in the words of both. */
import type { Kind } from "./kinds.ts";
import type { ComparedRecord, CompareWindow } from "./record.ts";

/** Accounts that are taken at each point: more than one, so that those that follow closely on another one are not passed over. */
export const ACCOUNTS_A_POINT = 2;

export interface KindCount {
  /** Null where it is not known. */
  readonly rows: number | null;
  /** Of them those whose key falls into the window; null where keys are no times, or nobody counted. */
  readonly inWindow: number | null;
}

export interface CountOptions {
  readonly window: CompareWindow;
  /** Reads every row; otherwise what the server's statistics say. */
  readonly isExact: boolean;
}

export interface RecordsOptions {
  readonly dids: readonly string[];
  readonly window: CompareWindow;
  /** Of each account. */
  readonly most: number;
}

/** Why a database has a record no more, or never will. */
export type Absence = { readonly kind: "deleted"; readonly revMs: number | null } | { readonly kind: "one-a-subject" };

/** All of it reads, and by index alone but for an exact count. Rejects with CompareError. */
export interface Side {
  readonly form: "standpipe" | "established";
  /** The first moment of which it can have everything; null where it does not say. Unix milliseconds. */
  readonly begunMs: number | null;
  /** How far it has come; null where it has nothing. */
  readonly positionMs: number | null;
  keeps(kind: Kind): boolean;
  count(kind: Kind, options: CountOptions): Promise<KindCount>;
  /** Behind each point in the order of DIDs the next accounts that have something in the window. */
  accounts(points: readonly string[], window: CompareWindow): Promise<readonly string[]>;
  /** What these accounts have in the window, where keys are times; otherwise some of what they have. */
  records(kind: Kind, options: RecordsOptions): Promise<readonly ComparedRecord[]>;
  find(kind: Kind, uris: readonly string[]): Promise<readonly ComparedRecord[]>;
  /** Of records that it does not have, those whose absence it can explain. */
  explain(kind: Kind, missing: readonly ComparedRecord[]): Promise<ReadonlyMap<string, Absence>>;
}
