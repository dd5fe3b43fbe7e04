/** `index`: ready packs through consume() into Postgres, by size of batch and number of connections. */

import { type BenchDatabase, openBenchDatabase } from "../database.ts";
import { type Figure, formatNumber, median, type Part, summary } from "../figure.ts";
import { type Consumer, createConsumer } from "../load/drain.ts";
import { LANES, PackLoad } from "../load/packs.ts";
import { rounds } from "../rounds.ts";

const SIZES = [200, 500, 1000, 2000] as const;
const CONNECTIONS = [1, 2] as const;

/** One measured stretch. */
interface Stretch {
  readonly eventsPerSecond: number;
  readonly nodeMicros: number;
  readonly postgresMicros: number;
  readonly roundTrips: number;
  /** A lane's last pack is smaller than the others. */
  readonly eventsAPack: number;
}

export const index: Part = {
  name: "index",
  about:
    "Ready packs through consume() into Postgres on the same machine, `fsync` and `synchronous_commit` on; the network's mix of the second generator, a pack a transaction.",
  async run({ quick, log }) {
    const limits = { least: quick ? 1 : 3, most: quick ? 1 : 5, withinSeconds: 30 };
    /** Of a full run two whole packs and a half for each lane on average, so that most are as large as their figure says. */
    const eventsFor = (size: number): number => Math.max(quick ? 4_000 : 12_000, (quick ? 1 : 2.5) * LANES * size);
    await using database = await openBenchDatabase();
    const load = new PackLoad();
    const consumers = CONNECTIONS.map((count) => createConsumer(database.connectionString, count));
    const stretches = new Map<string, Stretch[]>();
    // Connections, plans and the most frequent names, which a running system has.
    for (const consumer of consumers)
      await stretch({ database, consumer, load, events: eventsFor(500) / 2, size: 500 });
    for (const round of rounds(limits)) {
      log(`round ${round + 1}`);
      for (const size of SIZES) {
        for (const [which, consumer] of consumers.entries()) {
          const key = keyOf(size, CONNECTIONS[which] ?? 0);
          const measured = await stretch({ database, consumer, load, events: eventsFor(size), size });
          stretches.set(key, [...(stretches.get(key) ?? []), measured]);
        }
      }
    }
    for (const consumer of consumers) await consumer[Symbol.asyncDispose]();
    return [...rateFigures(stretches), ...roundTripFigures(stretches)];
  },
};

function keyOf(size: number, connections: number): string {
  return `${size} a batch, ${connections} ${connections === 1 ? "connection" : "connections"}`;
}

interface StretchOptions {
  readonly database: BenchDatabase;
  readonly consumer: Consumer;
  readonly load: PackLoad;
  readonly events: number;
  readonly size: number;
}

async function stretch({ database, consumer, load, events, size }: StretchOptions): Promise<Stretch> {
  const packs = load.packs({ events, size });
  const count = packs.length;
  consumer.takeRoundTrips();
  const before = { cpu: process.cpuUsage(), postgres: database.cpuSeconds(), at: performance.now() };
  await consumer.drain(() => packs.shift());
  const seconds = (performance.now() - before.at) / 1000;
  const { user, system } = process.cpuUsage(before.cpu);
  return {
    eventsPerSecond: events / seconds,
    nodeMicros: (user + system) / events,
    postgresMicros: ((database.cpuSeconds() - before.postgres) * 1e6) / events,
    roundTrips: consumer.takeRoundTrips() / count,
    eventsAPack: events / count,
  };
}

function rateFigures(stretches: ReadonlyMap<string, readonly Stretch[]>): Figure[] {
  return [...stretches].map(([key, runs]) => ({
    part: "index",
    name: `events/s, ${key}`,
    ...summary(runs.map(({ eventsPerSecond }) => eventsPerSecond)),
    unit: "events/s",
    note: `CPU an event: our process ${middle(runs, "nodeMicros")} µs, Postgres ${middle(runs, "postgresMicros")} µs. Packs of ${middle(runs, "eventsAPack")} on average: a lane's last is smaller.`,
  }));
}

function middle(runs: readonly Stretch[], which: keyof Stretch): string {
  return formatNumber(median(runs.map((run) => run[which])));
}

/** Whatever a batch holds: with one connection, so that no message belongs to another's transaction. */
function roundTripFigures(stretches: ReadonlyMap<string, readonly Stretch[]>): Figure[] {
  return [SIZES[0], SIZES[SIZES.length - 1] ?? 0].map((size) => ({
    part: "index",
    name: `messages to the server a batch of ${size}`,
    value: median((stretches.get(keyOf(size, 1)) ?? []).map(({ roundTrips }) => roundTrips)),
    unit: "",
    note: "the mark, BEGIN with its settings, names, lock, revs under paths where something was deleted, write, end, COMMIT.",
  }));
}
