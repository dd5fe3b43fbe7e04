/** A recording in, what it is as a load out: which relay serves it, where each lane ends, and which records have to be there then. */
import { readFileSync } from "node:fs";
import { decodeMessage } from "../../lib/core/decode-event.ts";
import type { FirehoseEvent } from "../../lib/core/event.ts";
import { laneOf } from "../../lib/core/lane.ts";
import { openRecording } from "../../lib/core/recording.ts";
import { FIRST_SEQ, freshFrame } from "./fresh-frames.ts";
import { readTemplates } from "./fresh-relay.ts";
import { LANES, type Relay, startFreshRelay, startReplayRelay } from "./processes.ts";

export interface Corpus {
  readonly name: string;
  readonly recording: string;
  readonly events: number;
  readonly ops: number;
  readonly lastSeq: number;
  /** The last seq of each lane; 0 where it has none. */
  readonly laneSeqs: readonly number[];
  /** How many records of active accounts remain, by collection. */
  readonly records: ReadonlyMap<string, number>;
  startRelay(): Promise<Relay>;
}

/** A recording as it is, from `standpipe relay`. */
export function replayedCorpus(name: string, recording: string): Corpus {
  const frames = openRecording(readFileSync(recording)).frames();
  return { name, recording, ...survey(frames), startRelay: () => startReplayRelay(recording) };
}

/** Its first `frames`, `laps` times under new accounts, from fresh-relay.ts. */
export function freshCorpus(
  name: string,
  { recording, frames, laps = 1 }: { readonly recording: string; readonly frames?: number; readonly laps?: number },
): Corpus {
  const templates = readTemplates(recording, frames);
  const all = Iterator.from(Array(laps).keys()).flatMap((lap) =>
    templates.map((template, index) => freshFrame(template, lap, FIRST_SEQ + lap * templates.length + index)),
  );
  const startRelay = () => startFreshRelay({ recording, laps, ...(frames === undefined ? {} : { frames }) });
  return { name, recording, ...survey(all), startRelay };
}

function survey(frames: Iterable<Uint8Array>): Omit<Corpus, "name" | "recording" | "startRelay"> {
  const laneSeqs = new Array<number>(LANES).fill(0);
  const repos = new Map<string, Set<string>>();
  const inactive = new Set<string>();
  let events = 0;
  let ops = 0;
  for (const frame of frames) {
    const message = decodeMessage(frame, Date.now());
    if (message.kind !== "event") continue;
    const { event } = message;
    events += 1;
    laneSeqs[laneOf(event.did, LANES)] = event.seq;
    if (event.kind === "commit") ops += event.ops.length;
    if (event.kind === "commit") applyOps(repos, event);
    if (event.kind !== "account") continue;
    if (event.active) inactive.delete(event.did);
    else inactive.add(event.did);
  }
  const paths = [...repos].filter(([did]) => !inactive.has(did)).flatMap(([, paths]) => [...paths]);
  const byCollection = Map.groupBy(paths, (path) => path.slice(0, path.indexOf("/")));
  const records = new Map([...byCollection].map(([collection, own]) => [collection, own.length]));
  return { events, ops, lastSeq: Math.max(...laneSeqs), laneSeqs, records };
}

function applyOps(repos: Map<string, Set<string>>, { did, ops }: FirehoseEvent & { kind: "commit" }): void {
  const paths = repos.get(did) ?? new Set();
  repos.set(did, paths);
  for (const { action, collection, rkey, fault } of ops) {
    if (fault !== null) continue;
    if (action === "delete") paths.delete(`${collection}/${rkey}`);
    else paths.add(`${collection}/${rkey}`);
  }
}
