/** Packs in, rows out: consume() as its workers call it, several at a time and never two packs of one lane at once. */
import { type ConsumeOptions, consume } from "../../../lib/consume/consume.ts";
import type { Pack } from "../../../lib/core/pack.ts";
import { createPostgresStore, type PostgresStore } from "../../../lib/store/postgres-store.ts";
import { CountingTelemetry } from "../../support/counting-telemetry.ts";
import { silentLog } from "../../support/silent-log.ts";

export interface Consumer extends AsyncDisposable {
  /** Applies them all, one pack a transaction, and resolves when the last is durable. */
  drain(next: () => Pack | undefined): Promise<void>;
  /** Messages sent to the server since the last call, each answered before the next of its transaction. */
  takeRoundTrips(): number;
}

/** As many connections as workers. */
export function createConsumer(connectionString: string, workers: number): Consumer {
  const store = createPostgresStore({ connectionString, poolSize: workers, log: silentLog });
  const telemetry = new CountingTelemetry();
  const options: ConsumeOptions = { store, telemetry, nowMs: Date.now };
  const counter = countRoundTrips(store);
  return {
    async drain(next) {
      const queue = new LaneQueue(next);
      await Promise.all(Array.from({ length: workers }, () => work(queue, options)));
      const trouble = telemetry.lines.find(({ level }) => level === "error" || level === "warn");
      if (trouble !== undefined) throw new Error(`${trouble.message} ${JSON.stringify(trouble.fields)}`);
    },
    takeRoundTrips: () => counter.take(),
    async [Symbol.asyncDispose]() {
      await refuseOddRows(store);
      await store[Symbol.asyncDispose]();
    },
  };
}

/** What the load makes fits its tables: a record that went elsewhere would be measured as if it were what it should be. */
async function refuseOddRows({ pool }: PostgresStore): Promise<void> {
  const { rows } = await pool.query<{ odd: string }>(
    "SELECT (SELECT count(*) FROM standpipe.misfit) + (SELECT count(*) FROM standpipe.original) + (SELECT count(*) FROM standpipe.dead_letter) AS odd",
  );
  if (rows[0]?.odd !== "0") throw new Error(`${rows[0]?.odd} records of the load did not become plain rows`);
}

/** Every message of every connection that the pool opens: a statement, or BEGIN with its settings. */
function countRoundTrips({ pool }: PostgresStore): { take(): number } {
  let sent = 0;
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      sent += 1;
      return query(...args);
    }) as typeof client.query;
  });
  return {
    take() {
      const taken = sent;
      sent = 0;
      return taken;
    },
  };
}

async function work(queue: LaneQueue, options: ConsumeOptions): Promise<void> {
  for (let pack = queue.take(); pack !== undefined; pack = queue.take()) {
    await consume([pack], options);
    queue.done(pack);
  }
}

/** Hands out packs in the order of their lanes. With far more lanes than workers, some lane is always free. */
export class LaneQueue {
  readonly #next: () => Pack | undefined;
  readonly #waiting: Pack[] = [];
  readonly #busy = new Set<number>();

  constructor(next: () => Pack | undefined) {
    this.#next = next;
  }

  take(): Pack | undefined {
    const seen = new Set<number>();
    for (const [index, pack] of this.#waiting.entries()) {
      const { lane } = pack.header;
      if (!this.#busy.has(lane) && !seen.has(lane)) {
        this.#waiting.splice(index, 1);
        return this.#start(pack);
      }
      seen.add(lane);
    }
    for (let pack = this.#next(); pack !== undefined; pack = this.#next()) {
      if (!this.#busy.has(pack.header.lane)) return this.#start(pack);
      this.#waiting.push(pack);
    }
    return undefined;
  }

  done(pack: Pack): void {
    this.#busy.delete(pack.header.lane);
  }

  #start(pack: Pack): Pack {
    this.#busy.add(pack.header.lane);
    return pack;
  }
}
