/** The whole way: a relay's frames in, rows that are committed and flushed out, beside `@atproto/bsky`'s indexer on the same frames. */
import { join } from "node:path";
import { projectRoot } from "../../support/project-root.ts";
import { type Corpus, freshCorpus, replayedCorpus } from "../corpus.ts";
import { type Figure, median, type Part, type PartOptions, summary } from "../figure.ts";
import { SIGNED_LOADS, signedFrames, sizeOf } from "../load/frames.ts";
import { type OurRun, ourRun } from "../our-run.ts";
import { PEER, type PeerRun, peerRun } from "../peer-run.ts";
import { buildBundle } from "../processes.ts";
import { type RoundLimits, rounds } from "../rounds.ts";

export const endToEnd: Part = {
  name: "end-to-end",
  about:
    "A relay process, `standpipe start`, embedded Postgres with fsync and synchronous commit on; all rows compared.",
  run,
};

const BUNDLED = join(projectRoot, "test/fixtures/network.spr");

interface Load {
  readonly corpus: Corpus;
  /** What the peer is given, where that is less: it needs a minute for what takes us seconds. */
  readonly peersCorpus: Corpus;
  readonly ours: RoundLimits;
  readonly peers: RoundLimits;
  readonly note: string;
}

/** Of ours, so that they last as long as it takes to be warm. */
const LAPS = { quick: 4, full: 16 } as const;
const SIGNED_LAPS = { quick: 4, full: 8 } as const;
/** As long as one of the peer's runs over the laps is to last: far longer than it takes to be warm. */
const PEER_SECONDS = { quick: 15, full: 35 } as const;

async function run(options: PartOptions): Promise<readonly Figure[]> {
  await using bundle = await buildBundle();
  const everyRun: OurRun[] = [];
  const measure = async (load: Load): Promise<{ readonly figures: readonly Figure[]; readonly peerRate: number }> => {
    const ours: OurRun[] = [];
    const peers: PeerRun[] = [];
    for (const _ of rounds(load.ours)) {
      ours.push(await ourRun(load.corpus, bundle));
      options.log(`${load.corpus.name}: ours ${rate(load.corpus, ours.at(-1))} events/s`);
    }
    for (const _ of rounds(load.peers)) {
      peers.push(await peerRun(load.peersCorpus));
      options.log(`${load.corpus.name}: ${PEER} ${rate(load.peersCorpus, peers.at(-1))} events/s`);
    }
    everyRun.push(...ours);
    return { figures: figuresOf(load, ours, peers), peerRate: rate(load.peersCorpus, peers.at(-1)) };
  };
  const once = await measure(onceThrough(options));
  const laps = await measure(manyLaps(options, once.peerRate));
  const signed = await measure(signedLoad(options));
  return [...once.figures, ...laps.figures, ...signed.figures, ...connectionFigures(everyRun)];
}

function onceThrough({ quick }: PartOptions): Load {
  const corpus = replayedCorpus("PDS", BUNDLED);
  return {
    corpus,
    peersCorpus: corpus,
    ours: { least: quick ? 1 : 3, most: quick ? 1 : 3, withinSeconds: 30 },
    peers: { least: 1, most: quick ? 1 : 2, withinSeconds: 30 },
    note: "The bundled recording of a real PDS, once: too short for either side to warm up.",
  };
}

function manyLaps({ quick }: PartOptions, peerRate: number): Load {
  const size = quick ? "quick" : "full";
  const once = freshCorpus("PDS", { recording: BUNDLED });
  const peerLaps = Math.max(1, Math.min(LAPS[size], Math.floor((PEER_SECONDS[size] * peerRate) / once.events)));
  return {
    corpus: freshCorpus(`PDS × ${LAPS[size]}`, { recording: BUNDLED, laps: LAPS[size] }),
    peersCorpus: freshCorpus(`PDS × ${peerLaps}`, { recording: BUNDLED, laps: peerLaps }),
    ours: { least: quick ? 1 : 3, most: quick ? 1 : 3, withinSeconds: 90 },
    peers: { least: 1, most: quick ? 1 : 2, withinSeconds: 60 },
    note: `The same ${LAPS[size]} times over, each lap by new accounts with the same records, so that every lap writes new rows; the peer gets ${peerLaps} of these laps, which take it ${PEER_SECONDS[size]} s or so.`,
  };
}

function signedLoad({ quick, log }: PartOptions): Load {
  const size = sizeOf(quick);
  const laps = SIGNED_LAPS[size];
  const recording = signedFrames({ size, log });
  return {
    corpus: freshCorpus("signed load", { recording, laps }),
    peersCorpus: replayedCorpus("signed load", recording),
    ours: { least: quick ? 1 : 3, most: quick ? 1 : 3, withinSeconds: 60 },
    peers: { least: 1, most: quick ? 1 : 2, withinSeconds: 80 },
    note: `The generator's frames: the network's mix and sizes, up to ${SIGNED_LOADS[size].accounts.toLocaleString("en")} accounts. Ours ${laps} laps of new accounts, the peer one.`,
  };
}

function rate({ events }: Corpus, run: { readonly seconds: number } | undefined): number {
  return run === undefined ? Number.NaN : Math.round(events / run.seconds);
}

function figuresOf(load: Load, ours: readonly OurRun[], peers: readonly PeerRun[]): readonly Figure[] {
  const { corpus, peersCorpus } = load;
  const figure = (
    name: string,
    unit: string,
    of: (run: OurRun | PeerRun, events: number) => number | null,
  ): Figure => ({
    part: "end-to-end",
    name: `${corpus.name}: ${name}`,
    unit,
    ...summary(ours.map((run) => of(run, corpus.events) ?? Number.NaN)),
    peer: { name: PEER, value: median(peers.map((run) => of(run, peersCorpus.events) ?? Number.NaN)) },
  });
  const perEvent = (seconds: number | null, events: number) => (seconds === null ? null : (seconds * 1e6) / events);
  const both = ({ nodeCpuSeconds, postgresCpuSeconds }: OurRun | PeerRun, events: number) =>
    nodeCpuSeconds === null || postgresCpuSeconds === null
      ? null
      : perEvent(nodeCpuSeconds + postgresCpuSeconds, events);
  const speed = figure("speed", "events/s", ({ seconds }, events) => events / seconds);
  const memory = figure("peak memory", "MB", ({ peakResidentBytes }) => (peakResidentBytes ?? Number.NaN) / 1e6);
  return [
    { ...speed, note: noteOf(load, peers) },
    ...timesFaster(speed),
    lessIsBetter(figure("CPU of Node", "µs an event", ({ nodeCpuSeconds }, n) => perEvent(nodeCpuSeconds, n))),
    lessIsBetter(
      figure("CPU of Postgres", "µs an event", ({ postgresCpuSeconds }, n) => perEvent(postgresCpuSeconds, n)),
    ),
    lessIsBetter(figure("CPU of both", "µs an event", both)),
    { ...lessIsBetter(memory), budget: { atMost: 200 } },
  ];
}

function noteOf({ corpus, note }: Load, peers: readonly PeerRun[]): string {
  const size = `${corpus.events.toLocaleString("en")} events with ${corpus.ops.toLocaleString("en")} ops.`;
  const share = median(peers.map(({ recordShare }) => recordShare * 100)).toFixed(1);
  return `${note} ${size} ${PEER} runs with synchronous commit off and 10 connections, checks no signature, has ${share} % of the records in its collections at its end (it refuses odd ones), and writes notifications and aggregates as well; it queues all that the relay sends, without a bound.`;
}

/** The budget is one of the ratio. */
function timesFaster({ part, name, value, peer }: Figure): readonly Figure[] {
  if (peer === undefined) return [];
  const times = value / peer.value;
  const figure = { part, name: `${name} beside ${peer.name}`, value: times, unit: "×", budget: { atLeast: 60 } };
  return [{ ...figure, peer: { name: peer.name, value: 1 } }];
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
