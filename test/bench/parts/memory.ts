/** Our process at full speed for minutes, and with a database that stands still, in; how much memory it holds, and whether it grows, out. */
import { setTimeout as sleep } from "node:timers/promises";
import { signalPostgres } from "../../support/postgres-processes.ts";
import { type Figure, median, type Part, type PartOptions } from "../figure.ts";
import { SIGNED_LOADS, signedFrames, sizeOf } from "../load/frames.ts";
import { buildBundle, residentBytes, type Standpipe, startFreshRelay, startStandpipe } from "../processes.ts";
import { rise } from "../trend.ts";

export const memory: Part = {
  name: "memory",
  about: "`standpipe start` as fast as it takes events that write new rows, then with Postgres stopped (SIGSTOP).",
  run,
};

interface Sample {
  readonly atSeconds: number;
  readonly residentMegabytes: number;
  readonly heapMegabytes: number;
}

interface Status {
  readonly cursor: number | null;
  readonly rows: number | null;
  readonly bytesInFlight: number;
}

/** More than minutes could need. */
const LAPS = 100_000;
const SAMPLE_EVERY_MS = 1_000;
/** More than it can have had in flight. */
const GOES_ON_EVENTS = 30_000;
const GOES_ON_LIMIT_MS = 60_000;
const BUDGET_MEGABYTES = 200;
/** What "flat" means here: a twentieth of the budget. */
const FLAT_MEGABYTES = 10;
/** Loaded before the program: only a process itself knows its heap. */
const TELL_HEAP = `setInterval(() => console.error("heap " + process.memoryUsage().heapUsed), ${SAMPLE_EVERY_MS}).unref()`;

async function run({ quick, log }: PartOptions): Promise<readonly Figure[]> {
  const size = sizeOf(quick);
  const recording = signedFrames({ size, log });
  const { frames } = SIGNED_LOADS[size];
  await using bundle = await buildBundle();
  await using relay = await startFreshRelay({ recording, laps: LAPS });
  const nodeArgs = ["--import", `data:text/javascript,${encodeURIComponent(TELL_HEAP)}`];
  await using standpipe = await startStandpipe({ script: bundle.script, relay, nodeArgs });
  const atSpeed = await sample(standpipe, quick ? 7 : 300);
  const { cursor, rows } = await statusOf(standpipe);
  log(
    `${atSpeed.length} s at speed: at seq ${cursor}, ${rows} rows, ${atSpeed.at(-1)?.residentMegabytes.toFixed(0)} MB`,
  );
  signalPostgres(standpipe.dataDir, "SIGSTOP");
  const stopped = await sample(standpipe, quick ? 3 : 15);
  const { bytesInFlight } = await statusOf(standpipe);
  signalPostgres(standpipe.dataDir, "SIGCONT");
  await untilItGoesOn(standpipe);
  log(`Postgres stopped: ${Math.max(...stopped.map(({ residentMegabytes }) => residentMegabytes)).toFixed(0)} MB`);
  return [...speedFigures(atSpeed, { rows, frames }), stoppedFigure(stopped, bytesInFlight)];
}

async function sample({ process }: Standpipe, seconds: number): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (let atSeconds = 1; atSeconds <= seconds; atSeconds += SAMPLE_EVERY_MS / 1000) {
    await sleep(SAMPLE_EVERY_MS);
    const heap = Number(
      /^heap (\d+)$/m.exec(
        process
          .stderr()
          .split("\n")
          .findLast((line) => line.startsWith("heap ")) ?? "",
      )?.[1],
    );
    const resident = residentBytes(process.pid);
    if (resident === null) throw new Error("its memory cannot be known: it has ended, or this is not Linux");
    samples.push({ atSeconds, residentMegabytes: resident / 1e6, heapMegabytes: heap / 1e6 });
  }
  return samples;
}

async function statusOf({ address }: Standpipe): Promise<Status> {
  const response = await fetch(`${address}/status`);
  return (await response.json()) as Status;
}

/** @throws where the stopped database was the end of it. */
async function untilItGoesOn(standpipe: Standpipe): Promise<void> {
  const before = (await statusOf(standpipe)).cursor ?? 0;
  for (const end = Date.now() + GOES_ON_LIMIT_MS; Date.now() < end; await sleep(SAMPLE_EVERY_MS)) {
    if (((await statusOf(standpipe)).cursor ?? 0) > before + GOES_ON_EVENTS) return;
  }
  throw new Error("it does not go on after the database has come back");
}

function speedFigures(
  samples: readonly Sample[],
  { rows, frames }: { readonly rows: number | null; readonly frames: number },
): readonly Figure[] {
  // The first fifth is the start: heaps grow to their size, the name cache fills.
  const settled = samples.slice(samples.length / 5);
  const resident = samples.map(({ residentMegabytes }) => residentMegabytes);
  const heap = samples.map(({ heapMegabytes }) => heapMegabytes).filter((megabytes) => !Number.isNaN(megabytes));
  return [
    {
      part: "memory",
      name: "resident, at speed, the most",
      value: Math.max(...resident),
      unit: "MB",
      budget: { atMost: BUDGET_MEGABYTES },
      note: `One look a second for ${samples.length} s. The ${frames.toLocaleString("en")} frames of the signed load come lap after lap, each lap by new accounts with the same records about the same subjects, so that all of it writes new rows: ${rows?.toLocaleString("en")} were there at the end.`,
    },
    { part: "memory", name: "resident, at speed, median", value: median(resident), unit: "MB" },
    {
      part: "memory",
      name: "resident, at speed, growth",
      value: rise(settled.map(({ atSeconds, residentMegabytes }) => ({ atSeconds, value: residentMegabytes }))),
      unit: "MB",
      budget: { atMost: FLAT_MEGABYTES },
      note: `By a line through the looks of the last ${settled.length} s.`,
    },
    { part: "memory", name: "JavaScript heap in use, median", value: median(heap), unit: "MB" },
  ];
}

function stoppedFigure(samples: readonly Sample[], bytesInFlight: number): Figure {
  return {
    part: "memory",
    name: "resident, Postgres stopped, the most",
    value: Math.max(...samples.map(({ residentMegabytes }) => residentMegabytes)),
    unit: "MB",
    budget: { atMost: BUDGET_MEGABYTES },
    note: `Every process of Postgres frozen for ${samples.length} s while the relay goes on sending; ${(bytesInFlight / 1e6).toFixed(1)} MB of events wait, and the socket is paused. It goes on by itself afterwards.`,
  };
}
