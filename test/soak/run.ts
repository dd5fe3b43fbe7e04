/**
 * `npm run soak -- --minutes 30 --rate 2000`: `standpipe start` under an even load of events that all write new rows. Fails where memory, heap,
 * file handles, connections or what waits have grown.
 */
import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { signedFrames } from "../bench/load/frames.ts";
import { buildBundle, startFreshRelay, startStandpipe } from "../bench/processes.ts";
import { Client } from "../support/postgres-client.ts";
import { faultsOfSoak, type Look, look, type SoakLimits, TELL_HEAP } from "./watch.ts";

const USAGE = `npm run soak -- [--minutes M] [--rate N]

  --minutes   how long (30)
  --rate      events a second (2000)`;

const LOOK_EVERY_MS = 5_000;
const TELL_EVERY_LOOKS = 12;
/** More than hours could need. */
const LAPS = 1_000_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    rate: { type: "string", default: "2000" },
    help: { type: "boolean", default: false },
  },
});
const [minutes, rate] = [Number(values.minutes), Number(values.rate)];

if (values.help) console.log(USAGE);
else if (!(minutes > 0 && minutes <= 10_000) || !(rate > 0 && rate <= 100_000)) {
  console.error(`soak: minutes and rate are numbers above 0\n\n${USAGE}`);
  process.exitCode = 2;
} else await soak();

async function soak(): Promise<void> {
  mkdirSync(fileURLToPath(new URL("../bench/.cache/", import.meta.url)), { recursive: true });
  const recording = signedFrames({ size: "full", log: console.error });
  await using bundle = await buildBundle();
  await using relay = await startFreshRelay({ recording, laps: LAPS, speed: rate });
  await using standpipe = await startStandpipe({ script: bundle.script, relay, nodeArgs: ["--import", TELL_HEAP] });
  const client = new Client({ connectionString: standpipe.connectionString });
  await client.connect();
  const looks: Look[] = [];
  const begin = performance.now();
  for (let seconds = 0; seconds < minutes * 60; seconds = (performance.now() - begin) / 1000) {
    await sleep(LOOK_EVERY_MS);
    const seen = await look(standpipe, client, (performance.now() - begin) / 1000);
    looks.push(seen);
    if (looks.length % TELL_EVERY_LOOKS === 1) console.log(lineOf(seen));
  }
  await client.end();
  const { code } = await standpipe.process.kill("SIGTERM");
  const faults = [...faultsOfSoak(looks, limitsOf(rate)), ...(code === 0 ? [] : [`it ended with ${code}`])];
  const last = looks.at(-1);
  if (last !== undefined) console.log(lineOf(last));
  console.log(
    faults.length === 0 ? `soak: nothing has grown in ${minutes} minutes at ${rate} events/s` : faults.join("\n"),
  );
  process.exitCode = faults.length === 0 ? 0 : 1;
}

function limitsOf(eventsPerSecond: number): SoakLimits {
  return {
    residentMb: 200,
    residentRiseMb: 10,
    heapRiseMb: 10,
    handlesRise: 2,
    connections: 4,
    behindEvents: 5 * eventsPerSecond,
  };
}

function lineOf({ atSeconds, residentMb, heapMb, handles, connections, behind, cursor }: Look): string {
  const size = `${residentMb.toFixed(0)} MB resident, ${heapMb.toFixed(0)} MB heap`;
  return `${(atSeconds / 60).toFixed(1)} min: ${size}, ${handles} handles, ${connections} connections, ${behind} behind, seq ${cursor}`;
}
