/** The whole way: a relay's frames in, rows that are committed and flushed out, beside `@atproto/bsky`'s indexer on the same frames. */
import { join } from "node:path";
import { projectRoot } from "../../support/project-root.ts";
import { type Corpus, freshCorpus, replayedCorpus } from "../corpus.ts";
import { type Figure, median, type Part, type PartOptions, summary } from "../figure.ts";
import { signedFrames } from "../load/frames.ts";
import { type OurRun, ourRun } from "../our-run.ts";
import { PEER, type PeerRun, peerRun } from "../peer-run.ts";
import { buildBundle } from "../processes.ts";

export const endToEnd: Part = {
  name: "end-to-end",
  about:
    "A relay process, `standpipe start`, embedded Postgres with fsync and synchronous commit on; all rows compared.",
  run,
};

const SIGNED_FRAMES = 20_000;
const BUNDLED = join(projectRoot, "test/fixtures/network.spr");

interface Load {
  readonly corpus: Corpus;
  readonly ours: number;
  readonly peers: number;
  readonly note: string;
}

async function run(options: PartOptions): Promise<readonly Figure[]> {
  await using bundle = await buildBundle();
  const figures: Figure[] = [];
  const everyRun: OurRun[] = [];
  for (const load of loads(options)) {
    const { corpus } = load;
    const ours: OurRun[] = [];
    const peers: PeerRun[] = [];
    // In turns, so that whatever else the machine does meets both.
    for (let round = 0; round < Math.max(load.ours, load.peers); round += 1) {
      if (round < load.ours) ours.push(await ourRun(corpus, bundle));
      options.log(`${corpus.name}: ours ${rate(corpus, ours.at(-1))} events/s`);
      if (round >= load.peers) continue;
      peers.push(await peerRun(corpus));
      options.log(`${corpus.name}: ${PEER} ${rate(corpus, peers.at(-1))} events/s`);
    }
    figures.push(...figuresOf(load, ours, peers));
    everyRun.push(...ours);
  }
  return [...figures, ...connectionFigures(everyRun)];
}

function loads({ quick, log }: PartOptions): readonly Load[] {
  const signed = signedFrames({ frames: SIGNED_FRAMES, log });
  return [
    {
      corpus: replayedCorpus("PDS", BUNDLED),
      ours: quick ? 1 : 5,
      peers: quick ? 1 : 3,
      note: "The bundled recording of a real PDS, once: too short for either side to warm up.",
    },
    {
      corpus: freshCorpus("PDS × 4", { recording: BUNDLED, laps: 4 }),
      ours: quick ? 2 : 4,
      peers: quick ? 0 : 2,
      note: "The same four times over, each lap by new accounts with the same records, so that every lap writes new rows.",
    },
    {
      corpus: replayedCorpus("signed load", signed),
      ours: quick ? 2 : 5,
      peers: quick ? 0 : 2,
      note: "The generator's frames: the network's mix and sizes, 2,400 accounts.",
    },
  ];
}

function rate({ events }: Corpus, run: { readonly seconds: number } | undefined): number {
  return run === undefined ? Number.NaN : Math.round(events / run.seconds);
}

function figuresOf(load: Load, ours: readonly OurRun[], peers: readonly PeerRun[]): readonly Figure[] {
  const { corpus } = load;
  const figure = (name: string, unit: string, of: (run: OurRun | PeerRun) => number | null): Figure => {
    const peer = peers.length === 0 ? {} : { peer: { name: PEER, value: median(peers.map(of).map(orNone)) } };
    return { part: "end-to-end", name: `${corpus.name}: ${name}`, unit, ...summary(ours.map(of).map(orNone)), ...peer };
  };
  const perEvent = (seconds: number | null) => (seconds === null ? null : (seconds * 1e6) / corpus.events);
  const both = ({ nodeCpuSeconds, postgresCpuSeconds }: OurRun | PeerRun) =>
    nodeCpuSeconds === null || postgresCpuSeconds === null ? null : perEvent(nodeCpuSeconds + postgresCpuSeconds);
  const speed = figure("speed", "events/s", ({ seconds }) => corpus.events / seconds);
  const memory = figure("peak memory", "MB", ({ peakResidentBytes }) => (peakResidentBytes ?? Number.NaN) / 1e6);
  return [
    { ...speed, note: noteOf(load, peers) },
    ...timesFaster(speed),
    lessIsBetter(figure("CPU of Node", "µs an event", ({ nodeCpuSeconds }) => perEvent(nodeCpuSeconds))),
    lessIsBetter(figure("CPU of Postgres", "µs an event", ({ postgresCpuSeconds }) => perEvent(postgresCpuSeconds))),
    lessIsBetter(figure("CPU of both", "µs an event", both)),
    { ...lessIsBetter(memory), budget: { atMost: 200 } },
  ];
}

function orNone(value: number | null): number {
  return value ?? Number.NaN;
}

function noteOf({ corpus, note }: Load, peers: readonly PeerRun[]): string {
  const size = `${corpus.events.toLocaleString("en")} events with ${corpus.ops.toLocaleString("en")} ops.`;
  if (peers.length === 0) return `${note} ${size}`;
  const share = median(peers.map(({ recordShare }) => recordShare * 100)).toFixed(1);
  return `${note} ${size} ${PEER} runs with synchronous commit off and 10 connections, checks no signature, has ${share} % of the records in its collections at its end (it refuses odd ones), and writes notifications and aggregates as well; it queues all that the relay sends, without a bound.`;
}

function timesFaster({ name, value, peer, ...speed }: Figure): readonly Figure[] {
  if (peer === undefined) return [];
  const ratio = value / peer.value;
  return [{ part: speed.part, name: `${name} beside ${peer.name}`, value: ratio, unit: "×", budget: { atLeast: 60 } }];
}

function lessIsBetter(figure: Figure): Figure {
  return figure.peer === undefined ? figure : { ...figure, ratio: figure.peer.value / figure.value };
}

function connectionFigures(runs: readonly OurRun[]): readonly Figure[] {
  const most = (of: (run: OurRun) => number): number => Math.max(...runs.map(of));
  const part = "end-to-end";
  return [
    {
      part,
      name: "database connections of the pipeline",
      value: most(({ connections }) => connections.pipeline),
      unit: "",
      budget: { atMost: 4 },
      note: "The most in pg_stat_activity at a time, in all runs; the bench's own is not counted. With DATABASE_URL these are all.",
    },
    {
      part,
      name: "database connections in all",
      value: most(({ connections }) => connections.all),
      unit: "",
      budget: { atMost: 20 },
      note: "With the session that owns the embedded server.",
    },
  ];
}
