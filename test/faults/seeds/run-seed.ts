/** A seed in, what was found out: a stretch of the network through real processes, disturbed at random places, and compared with its end. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Random, seededRandom } from "../../fuzz/mutate.ts";
import { createTestDatabase } from "../../support/database.ts";
import { differencesFrom } from "../../support/expected-end.ts";
import { createLateProxy } from "../../support/late-proxy.ts";
import { recordedFrames } from "../../support/recorded-frames.ts";
import { openClock } from "./clock.ts";
import { faultsOf } from "./faults/all.ts";
import type { Fault } from "./faults/fault.ts";
import { startFaultyRelay } from "./faulty-relay.ts";
import { framesOf } from "./made-commits.ts";
import { LONGER_THAN_LEASE_MS, type Pipeline, type PipelineParts } from "./pipelines/pipeline.ts";
import type { PostgresServer } from "./postgres-server.ts";
import { lastSeqs, sliceOf } from "./slice.ts";
import { watchConnections } from "./watch-connections.ts";
import type { Mode, World } from "./world.ts";

export interface SeedOptions {
  readonly mode: Mode;
  readonly seed: number;
  readonly server: PostgresServer;
  /** Name of a fault that each schedule has to have. */
  readonly always?: string;
  readonly openPipeline: (parts: PipelineParts) => Promise<Pipeline>;
}

export interface SeedResult {
  readonly mode: Mode;
  readonly seed: number;
  readonly frames: number;
  readonly faults: readonly string[];
  readonly seconds: number;
  readonly peakMb: number;
  readonly connections: number;
  /** None, where nothing was lost, doubled or left lying about. */
  readonly found: readonly string[];
}

const LANES = 8;
const FRAMES = { least: 300, most: 1_000 };
const EVENTS_PER_SECOND = 400;
const SETTLE_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 40;
const MAX_RESIDENT_MB = 256;
const MAX_CONNECTIONS = 20;

export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const { mode, seed, server } = options;
  const begin = performance.now();
  const random = seededRandom(seed);
  const count = FRAMES.least + random(FRAMES.most - FRAMES.least);
  const from = random(recordedFrames.length - count);
  const schedule = scheduleOf(options, random);
  const slice = await sliceOf(stretch(recordedFrames.slice(from, from + count), schedule, random));
  await using database = await createTestDatabase({ server: server.url });
  await using databasePort = await createLateProxy({ host: "127.0.0.1", port: server.port });
  await databasePort.open();
  await using relay = await startFaultyRelay({ slice, eventsPerSecond: EVENTS_PER_SECOND });
  const address = new URL(database.connectionString);
  address.port = String(databasePort.port);
  const clock = schedule.some(({ fault }) => fault.setsClock === true) ? openClock() : null;
  await using pipeline = await options.openPipeline({ relay, address: address.href, database, env: clock?.env ?? {} });
  const { reader, second, worker, stream, savedCursor } = pipeline;
  const world: World = {
    mode,
    slice,
    relay,
    server,
    database,
    databasePort,
    reader,
    second,
    worker,
    stream,
    savedCursor,
    random,
    clock,
    longerThanLeaseMs: LONGER_THAN_LEASE_MS,
    allowed: { letters: [], gaps: new Set() },
  };
  const connections = watchConnections(server, database.name);
  const found: string[] = [];
  try {
    await play(schedule, world);
    await settle(world);
    await reader.stop();
    await worker?.stop();
    found.push(...(await verdict(world)), ...(await cursorFaults(world)));
  } catch (error) {
    found.push(error instanceof Error ? error.message : String(error));
  }
  const most = await connections.stop();
  const peakMb = Math.max(...[reader, second, worker].map((each) => (each?.peakBytes ?? 0) / 1e6));
  if (peakMb > MAX_RESIDENT_MB) found.push(`a process took ${peakMb.toFixed(0)} MB`);
  if (most > MAX_CONNECTIONS) found.push(`${most} connections to the database at a time`);
  if (found.length > 0)
    found.push(...[reader, second, worker].map((each) => each?.output() ?? "").filter((text) => text !== ""));
  return {
    mode,
    seed,
    frames: slice.frames.length,
    faults: schedule.map(({ fault, at }) => `${fault.name} at ${Math.round(at * 100)} %`),
    seconds: Math.round((performance.now() - begin) / 100) / 10,
    peakMb: Math.round(peakMb),
    connections: most,
    found,
  };
}

interface Planned {
  readonly fault: Fault;
  /** Share of the slice that has been applied by then. */
  readonly at: number;
}

function scheduleOf({ mode, always }: SeedOptions, random: Random): readonly Planned[] {
  const faults = faultsOf(mode);
  const planned = Array.from({ length: 2 + random(3) }, (): Planned => plan(faults, random));
  if (always !== undefined) planned[0] = plan(faultsNamed(faults, always), random);
  // The same commits a second time would be repeats.
  const once = planned.filter(
    ({ fault }, at) => fault.commits === undefined || planned.findIndex((other) => other.fault === fault) === at,
  );
  return once.sort((a, b) => a.at - b.at);
}

function plan(faults: readonly Fault[], random: Random): Planned {
  const fault = faults[random(faults.length)];
  if (fault === undefined) throw new RangeError("no faults to choose from");
  return { fault, at: random(85) / 100 };
}

function faultsNamed(faults: readonly Fault[], name: string): readonly Fault[] {
  const found = faults.filter((fault) => fault.name === name);
  if (found.length === 0)
    throw new RangeError(`no fault "${name}" in this mode; there are ${faults.map((each) => each.name).join(", ")}`);
  return found;
}

/** Recorded frames with what faults put among them, each in a place of its own. */
function stretch(recorded: readonly Uint8Array[], schedule: readonly Planned[], random: Random): readonly Uint8Array[] {
  return schedule.reduce((frames, { fault, at }) => {
    const made = framesOf(fault.commits?.(random) ?? []);
    return frames.toSpliced(1 + Math.floor(at * (frames.length - 1)), 0, ...made);
  }, recorded);
}

async function play(schedule: readonly Planned[], world: World): Promise<void> {
  for (const { fault } of schedule) if (fault.isThereFromTheStart === true) await fault.strike(world);
  world.reader.start();
  world.worker?.start();
  for (const { fault, at } of schedule) {
    if (fault.isThereFromTheStart === true) continue;
    const { frames } = world.slice;
    const seq = frames[Math.floor(at * frames.length)]?.seq ?? 0;
    await until(
      world,
      () => readSeq(world),
      (read) => read >= seq,
      `seq ${seq} is read, for "${fault.name}"`,
    );
    await fault.strike(world);
  }
}

async function readSeq({ reader, second }: World): Promise<number> {
  const answers = await Promise.all(
    [reader, second].map(async ({ process }) => (await process?.status())?.cursor ?? 0),
  );
  return Math.max(...answers);
}

/** Everything is read and applied. */
async function settle(world: World): Promise<void> {
  const { slice, stream } = world;
  await until(
    world,
    () => readSeq(world),
    (read) => read >= slice.lastSeq,
    "everything is read",
  );
  const settled = stream?.settled().then(() => true) ?? true;
  // What is thrown here is a finding of the seed, with the output of its processes; a test that runs out of time says nothing.
  if (!(await Promise.race([settled, sleep(SETTLE_LIMIT_MS, false)])))
    throw new Error(`within ${SETTLE_LIMIT_MS / 1000} s the stream is not handled to its end`);
  const wanted = lastSeqs(slice, LANES);
  const isThere = (lanes: ReadonlyMap<number, number>) => wanted.every((seq, lane) => (lanes.get(lane) ?? 0) >= seq);
  await until(world, () => appliedSeqs(world), isThere, "everything is applied");
}

async function appliedSeqs({ server, database }: World): Promise<ReadonlyMap<number, number>> {
  const client = await server.session(database.name).catch(() => null);
  if (client === null) return new Map();
  try {
    const { rows } = await client.query<{ lane: number; seq: string }>("SELECT lane, seq FROM standpipe.lane");
    return new Map(rows.map(({ lane, seq }) => [lane, Number(seq)]));
  } finally {
    await client.end();
  }
}

async function until<Given>(
  world: World,
  ask: () => Promise<Given>,
  passes: (given: Given) => boolean,
  what: string,
): Promise<void> {
  const end = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const given = await ask();
    if (passes(given)) return;
    if (performance.now() > end) {
      const shown = given instanceof Map ? JSON.stringify([...given]) : JSON.stringify(given);
      throw new Error(`within ${SETTLE_LIMIT_MS / 1000} s it does not come so far that ${what}: ${shown}`);
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** After a stop that was asked for, which saves it. */
async function cursorFaults({ savedCursor, slice }: World): Promise<string[]> {
  const seq = await savedCursor();
  return seq === slice.lastSeq ? [] : [`the saved cursor is ${seq}, and ${slice.lastSeq} is right`];
}

/** Records, bytes, counters, accounts, dead letters, gaps, marks. */
async function verdict({ server, database, slice, allowed }: World): Promise<string[]> {
  const pool = new pg.Pool({ connectionString: database.connectionString, max: 1 });
  try {
    const found = await differencesFrom(slice.end, pool);
    const letters = await pool.query<{ reason: string; detail: string }>(
      "SELECT reason, detail FROM standpipe.dead_letter",
    );
    const expected = [...allowed.letters];
    for (const { reason, detail } of letters.rows) {
      const at = expected.indexOf(reason);
      if (at >= 0) expected.splice(at, 1);
      else found.push(`dead letter: ${reason}: ${detail}`);
    }
    found.push(...expected.map((reason) => `no dead letter: ${reason}`));
    const gaps = await pool.query<{ reason: string; detail: string }>("SELECT reason, detail FROM gaps");
    found.push(
      ...gaps.rows
        .filter(({ reason }) => !allowed.gaps.has(reason))
        .map(({ reason, detail }) => `gap: ${reason}: ${detail}`),
    );
    const marks = await pool.query<{ mark: unknown }>("SELECT to_jsonb(m) AS mark FROM standpipe.mark AS m");
    found.push(...marks.rows.map(({ mark }) => `mark: ${JSON.stringify(mark)}`));
    return found;
  } finally {
    await pool.end();
    await server.answering();
  }
}
