/** The fenced cursor in DynamoDB: one item with lease, fence, lanes and cursors, which only its holder can write. */
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { SavedCursor } from "../../core/cursor.ts";
import type { Telemetry } from "../../telemetry/port.ts";
import type { Checkpoint } from "../port.ts";
import { LeaseClosedError, LeaseLostError } from "./errors.ts";
import { type LeaseItem, withCursor } from "./item.ts";
import { itemId } from "./item-id.ts";
import { LEASE_TIMES, type LeaseTimes } from "./limits.ts";
import { createLeaseTable, type LeaseTable } from "./table.ts";
import { takeLease } from "./take-lease.ts";

export interface DynamoCheckpointOptions {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  /** Which ingester it is: the stream's name. Several deployments may share a table. */
  readonly name: string;
  /** For a person: host and process. */
  readonly owner: string;
  /** Waits for its turn as long as another process holds the lease. */
  readonly standby: boolean;
  /** Ends the waiting for the lease. */
  readonly signal: AbortSignal;
  readonly telemetry: Telemetry;
  /** Told who holds the lease while this process waits for it, and null when it does not (any more). */
  readonly onStandby: (holder: string | null) => void;
  /** Told why the table takes nothing, in one line, and null when it does again. */
  readonly onTrouble: (trouble: string | null) => void;
  /** Others only in tests, which cannot wait so long. */
  readonly times?: LeaseTimes;
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number;
}

/** Disposing gives the lease back, if it can be done within two seconds. */
export interface DynamoCheckpoint extends Checkpoint, AsyncDisposable {
  /** Whether anybody has saved a cursor, of whichever relay. */
  isKnown(): Promise<boolean>;
  /** True while this process may send: its lease is younger than `holdForMs`. */
  holds(): boolean;
  /** Resolves when the lease is held (again); rejects with LeaseLostError, and with LeaseClosedError after disposal. */
  held(): Promise<void>;
  /** Resolves with LeaseLostError when another process has taken over; pending as long as none has. */
  readonly lost: Promise<Error>;
}

/** Does nothing before `acquire`, which waits for the lease. One `acquire` for each. */
export function createDynamoCheckpoint(options: DynamoCheckpointOptions): DynamoCheckpoint {
  return new LeasedCheckpoint(options);
}

/** A lease that cannot be given back so fast runs out by itself. */
const RELEASE_LIMIT_MS = 2_000;
/** Between attempts to renew a lease that could not be renewed: this share of the time between renewals. */
const RENEW_AGAIN_SHARE = 0.25;

class LeasedCheckpoint implements DynamoCheckpoint {
  readonly #options: DynamoCheckpointOptions;
  readonly #times: LeaseTimes;
  readonly #nowMs: () => number;
  readonly #table: LeaseTable;
  readonly #loss = Promise.withResolvers<Error>();
  /** Null before the lease is taken. While it is ours nobody else writes the item, so this is what is in the table. */
  #item: LeaseItem | null = null;
  /** When the newest write that worked was sent. */
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #end: Error | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #renewal: NodeJS.Timeout | null = null;
  #waiters: PromiseWithResolvers<void>[] = [];
  #isTroubled = false;

  constructor(options: DynamoCheckpointOptions) {
    const { client, tableName, name } = options;
    this.#options = options;
    this.#times = options.times ?? LEASE_TIMES;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#table = createLeaseTable({ client, tableName, id: itemId(name) });
  }

  get lost(): Promise<Error> {
    return this.#loss.promise;
  }

  async acquire({ lanes }: { readonly lanes: number }): Promise<{ readonly fence: number }> {
    if (this.#end !== null) throw this.#end;
    const { item, takenAtMs } = await takeLease({
      ...this.#options,
      table: this.#table,
      lanes,
      times: this.#times,
      nowMs: this.#nowMs,
    });
    this.#item = item;
    this.#renewed(takenAtMs);
    return { fence: item.fence };
  }

  async load(relay: string): Promise<SavedCursor | null> {
    return (await this.#current())?.cursors.get(relay) ?? null;
  }

  async isKnown(): Promise<boolean> {
    const item = await this.#current();
    return item !== null && item.last !== null;
  }

  async lastDurableTimeMs(): Promise<number | null> {
    return (await this.#current())?.last?.timeMs ?? null;
  }

  /** Rejects as DynamoDB does where it is away. Waits where the lease is too old to send anything. */
  async save(cursor: SavedCursor, { fence }: { readonly fence: number }): Promise<"saved" | "fenced"> {
    const { telemetry } = this.#options;
    if (this.#item?.fence !== fence) return "fenced";
    const switches = this.#item.switches;
    try {
      await this.#inTurn(async () => {
        await this.#write(
          (item) => withCursor(item, cursor, Date.now()),
          () => this.held(),
        );
      });
    } catch (error) {
      if (error instanceof LeaseLostError) return "fenced";
      throw error;
    }
    const newest = this.#item.switches.at(-1);
    if (newest !== undefined && !switches.some(({ atMs }) => atMs === newest.atMs)) {
      telemetry.count("relay_switches_total");
      const { from, to } = newest;
      telemetry.log.info("the cursor goes on in another numbering", {
        from: `${from.relay} ${from.epoch}`,
        fromSeq: from.seq,
        to: `${to.relay} ${to.epoch}`,
        toSeq: to.seq,
      });
    }
    return "saved";
  }

  holds(): boolean {
    return this.#end === null && this.#nowMs() - this.#renewedAtMs < this.#times.holdForMs;
  }

  held(): Promise<void> {
    if (this.#end !== null) return Promise.reject(this.#end);
    if (this.holds()) return Promise.resolve();
    const waiter = Promise.withResolvers<void>();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#end === null && this.#item !== null && this.holds()) {
      const released = this.#inTurn(() => this.#write((item) => ({ ...item, released: true })));
      await Promise.race([
        released.catch((error: unknown) =>
          this.#options.telemetry.log.warn("the lease could not be given back: it runs out by itself", {
            error: String(error),
          }),
        ),
        new Promise((resolve) => setTimeout(resolve, RELEASE_LIMIT_MS).unref()),
      ]);
    }
    this.#finish(new LeaseClosedError());
  }

  /** What is saved: ours as we know it, and before the lease is taken what the table says. */
  #current(): Promise<LeaseItem | null> {
    return this.#item === null ? this.#table.read() : Promise.resolve(this.#item);
  }

  /** One write at a time. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /**
   * Writes the item as `change` makes it of the newest. The condition on fence and beat refuses it where another process has taken over, and
   * also where an earlier write of ours, given up without an answer, has come through after all: then it is changed anew.
   */
  async #write(
    change: (item: LeaseItem) => LeaseItem,
    permit: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    for (;;) {
      await permit();
      if (this.#end !== null) throw this.#end;
      const seen = this.#item;
      if (seen === null) throw new RangeError("a cursor was saved before the lease was taken");
      const next = { ...change(seen), beat: seen.beat + 1 };
      const sentAtMs = this.#nowMs();
      if ((await this.#table.replace(seen, next)) === "written") {
        // A renewal beside it may have been faster.
        if (next.beat > (this.#item?.beat ?? 0)) this.#item = next;
        this.#renewed(Math.max(sentAtMs, this.#renewedAtMs));
        return;
      }
      const current = await this.#table.read();
      if (current?.fence !== seen.fence || current.owner !== seen.owner) {
        const error = new LeaseLostError(current?.owner ?? null);
        this.#finish(error);
        throw error;
      }
      this.#item = current;
    }
  }

  #renewed(sentAtMs: number): void {
    this.#renewedAtMs = sentAtMs;
    this.#tell(null);
    this.#renewIn(this.#times.renewEveryMs);
    if (!this.holds()) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve();
  }

  #renewIn(delayMs: number): void {
    if (this.#renewal !== null) clearTimeout(this.#renewal);
    this.#renewal = this.#end === null ? setTimeout(() => void this.#renew(), delayMs) : null;
  }

  /** Never rejects. Not in turn: a save that waits for the lease to be young again would wait for this for ever. */
  async #renew(): Promise<void> {
    try {
      await this.#write((item) => item);
    } catch (error) {
      if (this.#end !== null) return;
      this.#tell(String(error));
      this.#renewIn(this.#times.renewEveryMs * RENEW_AGAIN_SHARE);
    } finally {
      this.#options.telemetry.gauge("lease_age_seconds", Math.max(0, this.#nowMs() - this.#renewedAtMs) / 1000);
    }
  }

  /** Once when it begins, once when it is over. */
  #tell(trouble: string | null): void {
    const { telemetry, onTrouble } = this.#options;
    const isTroubled = trouble !== null;
    if (isTroubled === this.#isTroubled) return;
    this.#isTroubled = isTroubled;
    onTrouble(isTroubled ? `the lease cannot be renewed: ${trouble}` : null);
    if (isTroubled) telemetry.log.warn("the lease cannot be renewed; trying again", { error: trouble });
    else telemetry.log.info("the lease is renewed again");
  }

  #finish(error: Error): void {
    if (this.#end !== null) return;
    this.#end = error;
    if (this.#renewal !== null) clearTimeout(this.#renewal);
    if (error instanceof LeaseLostError) this.#loss.resolve(error);
    for (const { reject } of this.#waiters) reject(error);
    this.#waiters = [];
  }
}
