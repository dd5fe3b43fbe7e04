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
    "A relay process, `standpipe start`, embedded Postgres with fsync and synchronous commit on; at the end each collection has as many records as the frames leave.",
  run,
};

const BUNDLED = join(projectRoot, "test/fixtures/network.spr");

interface Load {
  readonly corpus: Corpus;
  /** What the peer is given, where that is less: it needs a minute for what takes us seconds. */
  readonly peersCorpus: Corpus;
  readonly ours: RoundLimits;
  /** Or those that were measured before. */
  readonly peers: RoundLimits | readonly PeerRun[];
  readonly note: string;
}

/** What came out of it. */
interface Measured {
  readonly load: Load;
  readonly ours: readonly OurRun[];
  readonly peers: readonly PeerRun[];
}

/** Of ours, so that they last as long as it takes to be warm. */
const LAPS = { quick: 2, full: 16 } as const;
const SIGNED_LAPS = { quick: 4, full: 8 } as const;
/** As long as one of the peer's runs over the laps is to last: far longer than it takes to be warm. */
const PEER_SECONDS = { quick: 8, full: 35 } as const;
/** Of the bundled recording, where little has to do. */
const QUICK_FRAMES = 3_000;

async function run(options: PartOptions): Promise<readonly Figure[]> {
  await using bundle = await buildBundle();
  const measure = async (load: Load): Promise<Measured> => {
    const ours: OurRun[] = [];
    for (const _ of rounds(load.ours)) {
      ours.push(await ourRun(load.corpus, bundle));
      options.log(`${load.corpus.name}: ours ${rate(load.corpus, ours.at(-1))} events/s`);
    }
    if ("length" in load.peers) return { load, ours, peers: load.peers };
    const peers: PeerRun[] = [];
    for (const _ of rounds(load.peers)) {
      peers.push(await peerRun(load.peersCorpus));
      options.log(`${load.corpus.name}: ${PEER} ${rate(load.peersCorpus, peers.at(-1))} events/s`);
    }
    return { load, ours, peers };
  };
  const once = await measure(onceThrough(options));
  const all = [once, await measure(manyLaps(options, once)), await measure(signedLoad(options))];
  return [...all.flatMap(figuresOf), ...connectionFigures(all.flatMap(({ ours }) => ours))];
}

function onceThrough({ quick }: PartOptions): Load {
  const corpus = quick
    ? freshCorpus("PDS", { recording: BUNDLED, frames: QUICK_FRAMES })
    : replayedCorpus("PDS", BUNDLED);
  return {
    corpus,
    peersCorpus: corpus,
    ours: { least: quick ? 1 : 3, most: quick ? 1 : 3, withinSeconds: 30 },
    peers: { least: 1, most: quick ? 1 : 2, withinSeconds: 30 },
    note: `The bundled recording of a real PDS, ${quick ? "its first part" : "once"}: too short for either side to warm up.`,
  };
}

function manyLaps({ quick }: PartOptions, once: Measured): Load {
  const size = sizeOf(quick);
  const corpus = freshCorpus(`PDS × ${LAPS[size]}`, { recording: BUNDLED, laps: LAPS[size] });
  const peerRate = rate(once.load.peersCorpus, once.peers.at(-1));
  const laps = Math.min(LAPS[size], Math.floor((PEER_SECONDS[size] * peerRate * LAPS[size]) / corpus.events));
  const ours = { least: quick ? 1 : 3, most: quick ? 1 : 3, withinSeconds: 90 };
  const note = `The same ${LAPS[size]} times over, each lap by new accounts with the same records, so that every lap writes new rows;`;
  if (laps <= 1) {
    const before = `the peer takes longer than ${PEER_SECONDS[size]} s for two of them, and what it did with ${quick ? `the first ${QUICK_FRAMES} frames` : "the recording once"} stands here again.`;
    return { corpus, peersCorpus: once.load.peersCorpus, ours, peers: once.peers, note: `${note} ${before}` };
  }
  return {
    corpus,
    peersCorpus: freshCorpus(`PDS × ${laps}`, { recording: BUNDLED, laps }),
    ours,
    peers: { least: 1, most: 2, withinSeconds: 60 },
    note: `${note} the peer gets ${laps} of these laps, which take it ${PEER_SECONDS[size]} s or so.`,
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

function figuresOf({ load, ours, peers }: Measured): readonly Figure[] {
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
    relayFigure(load, ours),
    { ...lessIsBetter(memory), budget: { atMost: 200 } },
  ];
}

/** Its share of the cores is no part of ours, and yet not there for us. */
function relayFigure({ corpus }: Load, ours: readonly OurRun[]): Figure {
  const micros = ours.map(({ relayCpuSeconds }) => ((relayCpuSeconds ?? Number.NaN) * 1e6) / corpus.events);
  return {
    part: "end-to-end",
    name: `${corpus.name}: CPU of the relay beside ours`,
    unit: "µs an event",
    ...summary(micros),
  };
}

function noteOf({ corpus, note }: Load, peers: readonly PeerRun[]): string {
  const size = `${corpus.events.toLocaleString("en")} events with ${corpus.ops.toLocaleString("en")} ops.`;
  const share = median(peers.map(({ recordShare }) => recordShare * 100)).toFixed(1);
  return `${note} ${size} ${PEER} runs with synchronous commit off and 10 connections, checks no signature, has ${share} % of the records in its collections at its end (it refuses odd ones), and writes notifications and aggregates as well; it queues all that the relay sends, without a bound.`;
}

/** The budget is one of the ratio. */
function timesFaster({ part, name, value, spread, runs, peer }: Figure): readonly Figure[] {
  if (peer === undefined || spread === undefined || runs === undefined) return [];
  const [least, most] = spread;
  const times = { value: value / peer.value, spread: [least / peer.value, most / peer.value] as const, runs };
  const figure = { part, name: `${name} beside ${peer.name}`, unit: "×", budget: { atLeast: 60 } };
  return [{ ...figure, ...times, peer: { name: peer.name, value: 1 } }];
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
