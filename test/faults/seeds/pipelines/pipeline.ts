/** What each way of running gives to the harness. */
import type { TestDatabase } from "../../../support/database.ts";
import type { FaultyRelay } from "../faulty-relay.ts";
import type { World } from "../world.ts";

export interface PipelineParts {
  readonly relay: FaultyRelay;
  /** Of the database, behind its port. */
  readonly address: string;
  /** The same one, not by way of the port. */
  readonly database: TestDatabase;
  /** Of our processes, beside what each needs: the clock, where a fault sets it. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Pipeline
  extends Pick<World, "reader" | "second" | "worker" | "stream" | "savedCursor">,
    AsyncDisposable {}

/** A twentieth of every wait: a seed takes seconds. */
export const SHORT_WAITS = { WAITS_PERCENT: "5" } as const;
/** Longer than every lease at a twentieth of its time (ten seconds), and long enough to be seen. */
export const LONGER_THAN_LEASE_MS = 900;
