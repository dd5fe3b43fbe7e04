/**
 * `npm run measure [-- --runs N] [-- --laps N] [-- --profile FOLDER] [-- --recording FILE]`: a recording, the bundled one unless told, from a
 * relay process through `standpipe start` into a fresh embedded Postgres, N times: events a second and what they cost, for whoever changes the
 * hot path. `--laps`: the recording so often, each time under new accounts. The bench's part `end-to-end` is the same with peers. For numbers worth comparing nothing else may run on the machine.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { projectRoot } from "../support/project-root.ts";
import { type Corpus, freshCorpus, replayedCorpus } from "./corpus.ts";
import { summary } from "./figure.ts";
import { type OurRun, ourRun } from "./our-run.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    laps: { type: "string", default: "1" },
    profile: { type: "string" },
    recording: { type: "string", default: join(projectRoot, "test/fixtures/network.spr") },
  },
});
const nodeArgs = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${values.profile}`];
// Not the bundle: profiles name the source files.
const program = { script: join(projectRoot, "bin/standpipe.ts"), nodeArgs };
const laps = Number(values.laps);
const corpus =
  laps === 1
    ? replayedCorpus("recording", values.recording)
    : freshCorpus("laps", { recording: values.recording, laps });
const rates: number[] = [];
for (let index = 0; index < Number(values.runs); index += 1) {
  const run = await ourRun(corpus, program);
  rates.push(corpus.events / run.seconds);
  console.log(describe(run, corpus));
}
const { value, spread } = summary(rates);
console.log(`median ${Math.round(value)} events/s of ${rates.length} runs (${spread.map(Math.round).join(" to ")})`);

function describe(
  { seconds, nodeCpuSeconds, postgresCpuSeconds, relayCpuSeconds, peakResidentBytes }: OurRun,
  { events }: Corpus,
): string {
  const each = (cpuSeconds: number | null) => `${(((cpuSeconds ?? Number.NaN) * 1e6) / events).toFixed(1)} µs`;
  return (
    `${Math.round(events / seconds)} events/s  (${seconds.toFixed(2)} s; CPU an event: start ${each(nodeCpuSeconds)}, ` +
    `Postgres ${each(postgresCpuSeconds)}, relay ${each(relayCpuSeconds)}; peak RSS of start ${Math.round((peakResidentBytes ?? Number.NaN) / 1e6)} MB)`
  );
}
