/** What a seed disturbs: a relay, a database behind a port, and the processes of one way of running between them. */
import type { Random } from "../../fuzz/mutate.ts";
import type { TestDatabase } from "../../support/database.ts";
import type { LateProxy } from "../../support/late-proxy.ts";
import type { SteppedClock } from "./clock.ts";
import type { FaultyRelay } from "./faulty-relay.ts";
import type { PostgresServer } from "./postgres-server.ts";
import type { Slice } from "./slice.ts";
import type { Supervised } from "./supervisor.ts";

export const MODES = ["unified", "kinesis", "redis"] as const;
export type Mode = (typeof MODES)[number];

/** As far as the harness looks at it. */
export interface Status {
  readonly cursor: number | null;
  readonly connected: boolean;
}

export interface World {
  readonly mode: Mode;
  readonly slice: Slice;
  readonly relay: FaultyRelay;
  readonly server: PostgresServer;
  readonly database: TestDatabase;
  /** Between our processes and the database. */
  readonly databasePort: LateProxy;
  /** Reads the relay; in unified mode it is the only one. */
  readonly reader: Supervised<Status>;
  /** A second reader, which is started by some faults and stopped by them. */
  readonly second: Supervised<Status>;
  /** Makes rows; null where the reader or a function does. */
  readonly worker: Supervised<Status> | null;
  /** Of the stream between them; null in unified mode. */
  readonly stream: StreamPort | null;
  /** The seq up to which everything is safe, as it is kept where no process is asked; null where there is none. */
  readonly savedCursor: () => Promise<number | null>;
  /** Theirs; null where no fault of the schedule sets it. */
  readonly clock: SteppedClock | null;
  /** Waits of our processes, milliseconds: longer than any lease. */
  readonly longerThanLeaseMs: number;
  readonly random: Random;
  /** What a fault makes right: reasons of dead letters and of gaps that the end may show. */
  readonly allowed: Allowed;
}

export interface Allowed {
  /** Each as often as it stands here. */
  readonly letters: string[];
  readonly gaps: Set<string>;
}

/** The stream's own troubles. Each comes to an end by itself. */
export interface StreamPort {
  /** By name; run one with `disturb`. */
  readonly troubles: readonly string[];
  disturb(trouble: string): Promise<void>;
  /** Everything in the stream has been taken by its consumer. */
  settled(): Promise<void>;
}
