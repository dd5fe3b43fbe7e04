/**
 * A relay that sends 500 events a second in, the time from a frame's way into the socket to its rows' being visible out.
 *
 * The relay runs in this process and notes when it hands a frame to its socket, which is before `standpipe start` can have it. A second
 * connection to the database asks every two milliseconds how far each lane is: a lane's seq is written by the transaction that writes the
 * rows, so whoever sees the one sees the others. What is measured is therefore the latency plus up to one look, never less.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { laneOf } from "../../../lib/core/lane.ts";
import { Client } from "../../support/postgres-client.ts";
import { type Figure, type Part, type PartOptions, percentile, summary } from "../figure.ts";
import { readTemplates, serveFreshFrames } from "../fresh-relay.ts";
import { signedFrames, sizeOf } from "../load/frames.ts";
import { laneSeqsOf } from "../our-run.ts";
import { buildBundle, LANES, startStandpipe } from "../processes.ts";

export const latency: Part = {
  name: "latency",
  about: "Frame sent → row visible, `standpipe start` on embedded Postgres with fsync and synchronous commit on.",
  run,
};

const EVENTS_PER_SECOND = 500;
const LOOK_EVERY_MS = 2;
/** Of the first seconds nothing counts: the compiler is at work. */
const WARM_UP_MS = { quick: 2_000, full: 10_000 } as const;
const DRAIN_LIMIT_MS = 10_000;

/** For the spread: as if it had been measured so often, each time for so long. */
const WINDOW_MS = { quick: 2_000, full: 10_000 } as const;

interface Sent {
  readonly seq: number;
  readonly atMs: number;
}

interface Seen {
  /** After the first that counts was sent. */
  readonly sentAfterMs: number;
  readonly latencyMs: number;
}

async function run({ quick, log }: PartOptions): Promise<readonly Figure[]> {
  await using bundle = await buildBundle();
  const seconds = quick ? 6 : 50;
  const warmUpMs = WARM_UP_MS[sizeOf(quick)];
  /** Of each lane what was sent and not yet seen, in order. */
  const waiting = Array.from({ length: LANES }, (): Sent[] => []);
  const onSent = (seq: number, did: string, atMs: number): void => {
    waiting[laneOf(did, LANES)]?.push({ seq, atMs });
  };
  const templates = readTemplates(signedFrames({ size: sizeOf(quick), log }));
  const laps = Math.ceil(((seconds + warmUpMs / 1000) * EVENTS_PER_SECOND) / templates.length) + 1;
  await using relay = await serveFreshFrames({ templates, laps, speed: EVENTS_PER_SECOND, onSent });
  await using standpipe = await startStandpipe({ script: bundle.script, relay });
  const client = new Client({ connectionString: standpipe.connectionString });
  await client.connect();
  try {
    await sleep(warmUpMs);
    const fromMs = performance.now();
    const toMs = fromMs + seconds * 1000;
    const seen = await watchLanes(client, waiting, { fromMs, toMs });
    log(`${seen.length} events, p50 ${shareOf(seen, 0.5).toFixed(1)} ms`);
    return figuresOf(seen, { seconds, warmUpMs, windowMs: WINDOW_MS[sizeOf(quick)], frames: templates.length });
  } finally {
    await client.end();
  }
}

/** Everything that was sent between the two times. */
async function watchLanes(
  client: Client,
  waiting: readonly Sent[][],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Promise<readonly Seen[]> {
  const all: Seen[] = [];
  const isOpen = (): boolean => waiting.some(([oldest]) => oldest !== undefined && oldest.atMs <= toMs);
  while (performance.now() < toMs || isOpen()) {
    if (performance.now() > toMs + DRAIN_LIMIT_MS)
      throw new Error("an event that was sent is not seen in the database");
    const seqs = await laneSeqsOf(client);
    const seenAtMs = performance.now();
    for (const [lane, queue] of waiting.entries()) {
      const done = queue.findIndex(({ seq }) => seq > (seqs.get(lane) ?? 0));
      const seen = queue.splice(0, done === -1 ? queue.length : done);
      const counted = seen.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
      all.push(...counted.map(({ atMs }) => ({ sentAfterMs: atMs - fromMs, latencyMs: seenAtMs - atMs })));
    }
    await sleep(LOOK_EVERY_MS);
  }
  return all;
}

function shareOf(seen: readonly Seen[], share: number): number {
  return percentile(
    seen.map(({ latencyMs }) => latencyMs),
    share,
  );
}

interface Measured {
  readonly seconds: number;
  readonly warmUpMs: number;
  readonly windowMs: number;
  readonly frames: number;
}

function figuresOf(seen: readonly Seen[], { seconds, warmUpMs, windowMs, frames }: Measured): readonly Figure[] {
  const figure = { part: "latency", unit: "ms" };
  const windows = [...Map.groupBy(seen, ({ sentAfterMs }) => Math.floor(sentAfterMs / windowMs)).values()];
  const overAll = (share: number) => {
    const { spread, runs } = summary(windows.map((window) => shareOf(window, share)));
    return { value: shareOf(seen, share), spread, runs };
  };
  return [
    {
      ...figure,
      name: "p50",
      ...overAll(0.5),
      budget: { atMost: 20 },
      note: `${seen.length.toLocaleString("en")} events in ${seconds} s at ${EVENTS_PER_SECOND} a second, after ${warmUpMs / 1000} s to warm up: the ${frames.toLocaleString("en")} frames of the signed load, each lap by new accounts. The value is that of all of them, a run a stretch of ${windowMs / 1000} s. From before the relay writes a frame to its socket until a look at the database, one every ${LOOK_EVERY_MS} ms, finds its lane that far.`,
    },
    { ...figure, name: "p99", ...overAll(0.99), budget: { atMost: 100 } },
    { ...figure, name: "worst", value: Math.max(...seen.map(({ latencyMs }) => latencyMs)) },
  ];
}
