/** A record as each of two databases has it, or has not → what that says. */
import { parseAtUri } from "../../core/syntax.ts";
import type { Kind } from "./kinds.ts";
import { type ComparedRecord, type CompareWindow, keyTimeMs } from "./record.ts";
import type { Absence } from "./side.ts";

/** What counts as a difference: `this` is our database, `other` the one it is compared with. */
export const DIFFERENCES = ["differs", "only-this", "only-other", "deleted-here", "deleted-there"] as const;
/** What says nothing about either: it is counted, and left out of the comparison. */
const EXCUSED = [
  /** Written after the point up to which both have come. */
  "later",
  /** Written before both had begun, or nobody knows when. */
  "outside",
  /** The other one keeps one record for each pair of account and subject, and has another of the pair. */
  "one-a-subject",
  /** Of a collection that the other one's workers leave out. */
  "left-out",
] as const;

export const OUTCOMES = ["same", ...DIFFERENCES, ...EXCUSED] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface Verdict {
  readonly outcome: Outcome;
  /** Names of what differs. */
  readonly fields: readonly string[];
}

export interface Pair {
  readonly kind: Kind;
  readonly here: ComparedRecord | undefined;
  readonly there: ComparedRecord | undefined;
  /** Why the one that lacks it does, where it can say. */
  readonly absence: Absence | undefined;
  readonly window: CompareWindow;
  /** Whether the other database is an established AppView's. */
  readonly isEstablished: boolean;
}

/** At least one of the two is there. */
export function classify(pair: Pair): Verdict {
  const { here, there } = pair;
  if (here !== undefined && there !== undefined) return compareBoth(here, there, pair.window);
  const record = here ?? there;
  return { outcome: record === undefined ? "outside" : aloneOutcome(record, pair), fields: [] };
}

function compareBoth(here: ComparedRecord, there: ComparedRecord, window: CompareWindow): Verdict {
  const fields = Object.keys(there.fields).filter(
    (name) => name in here.fields && here.fields[name] !== there.fields[name],
  );
  if (fields.length === 0) return { outcome: "same", fields };
  const isLater = [here, there].some(({ revMs }) => revMs !== null && revMs >= window.toMs);
  return { outcome: isLater ? "later" : "differs", fields };
}

function aloneOutcome(record: ComparedRecord, { kind, here, absence, window, isEstablished }: Pair): Outcome {
  const collection = parseAtUri(record.uri)?.collection ?? "";
  if (isEstablished && kind.established?.leavesOut.includes(collection) === true) return "left-out";
  const atMs = record.revMs ?? (kind.keyIsTid ? keyTimeMs(record.uri) : record.createdMs);
  if (atMs === null || atMs < window.fromMs) return "outside";
  if (atMs >= window.toMs) return "later";
  switch (absence?.kind) {
    case "one-a-subject":
      return "one-a-subject";
    case "deleted":
      if ((absence.revMs ?? 0) >= window.toMs) return "later";
      return here === undefined ? "deleted-here" : "deleted-there";
    case undefined:
      return here === undefined ? "only-other" : "only-this";
  }
}

export function isDifference(outcome: Outcome): boolean {
  return DIFFERENCES.some((difference) => difference === outcome);
}
