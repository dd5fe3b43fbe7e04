/** `pack`: how many bytes an event takes in a pack, and what building, compressing and reading it cost. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { constants, zstdCompressSync } from "node:zlib";
import { cidText, digestOf } from "../../../lib/core/cid.ts";
import { decodeCbor } from "../../../lib/core/dag-cbor.ts";
import { toDagJson } from "../../../lib/core/dag-json.ts";
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import type { CommitEvent, FirehoseEvent } from "../../../lib/core/event.ts";
import { decodePack, encodePack, type Pack, readPack } from "../../../lib/core/pack.ts";
import { PackBuilder } from "../../../lib/core/pack-builder.ts";
import { tidText } from "../../../lib/core/tid.ts";
import { readRealFrames } from "../../support/shared-data.ts";
import { type Figure, type Part, summary } from "../figure.ts";
import { PackLoad } from "../load/packs.ts";
import { type RoundLimits, rounds } from "../rounds.ts";

const SIZES = [1, 50, 200, 500] as const;
const SHIPPED_SIZE = 500;
const BUDGET_BYTES = 160;
const REAL_FRAMES = fileURLToPath(new URL("../../../../shared/data/real-frames", import.meta.url));
/** When the frames were received matters to no byte count; it must not be before their revs. */
const RECEIVED_AT_MS = Date.UTC(2026, 11, 1);

export const pack: Part = {
  name: "pack",
  about: "Bytes an event in a pack of the second generator's mix, and the CPU time of our process for it.",
  async run({ quick, log }) {
    const events = eventsOfLane(quick ? 10_000 : 50_000);
    const figures: Figure[] = [];
    for (const size of SIZES) {
      log(`${size} a pack`);
      // Packs of one event are a rarity; their cost is the same each time.
      figures.push(sizeFigure(events.slice(0, size === 1 ? 2000 : events.length), size));
    }
    log("times");
    figures.push(...timeFigures(events, { least: 3, most: quick ? 3 : 7, withinSeconds: 20 }));
    figures.push(...realFrameFigures());
    return figures;
  },
};

/** Of one lane, as a pack holds them. */
function eventsOfLane(count: number): readonly CommitEvent[] {
  const load = new PackLoad({ lanes: 1 });
  return Array.from({ length: count }, () => load.event());
}

/** Whole packs only. */
function packsOf(events: readonly FirehoseEvent[], size: number): Pack[] {
  const builder = new PackBuilder();
  const packs: Pack[] = [];
  for (const event of events) {
    builder.append(event);
    if (builder.count < size) continue;
    const number = packs.length + 1;
    packs.push(builder.seal({ lane: 0, lanes: 8, relay: "bsky.network", epoch: 1, fence: 1, number }));
  }
  return packs;
}

function sizeFigure(events: readonly CommitEvent[], size: number): Figure {
  const packs = packsOf(events, size);
  const bytes = packs.reduce((sum, one) => sum + encodePack(one).length, 0);
  const asJson = chunks(events.slice(0, packs.length * size).map(jetstreamLine), size).map((lines) => lines.join("\n"));
  const jsonBytes = asJson.reduce((sum, text) => sum + zstd1(Buffer.from(text)).length, 0);
  const [value, json] = [bytes / (packs.length * size), jsonBytes / (packs.length * size)];
  return {
    part: "pack",
    name: `bytes an event, ${size} a pack`,
    value,
    unit: "B",
    ...(size === SHIPPED_SIZE && { budget: { atMost: BUDGET_BYTES } }),
    peer: { name: "JSON ops, zstd-1", value: json },
    ratio: json / value,
    ...(size === SHIPPED_SIZE && {
      note: "mix: 66 likes, 12 posts, 10 reposts, 7 follows, 5 deletes of 100 events. The JSON has what Jetstream's has: DID, time, rev, path, record, CID; a pack has also seq, times of receipt, since and the roots of both trees.",
    }),
  };
}

function timeFigures(events: readonly CommitEvent[], limits: RoundLimits): Figure[] {
  const costs = { build: [] as number[], encode: [] as number[], read: [] as number[] };
  for (const _ of rounds(limits)) {
    const [packs, build] = timed(() => packsOf(events, SHIPPED_SIZE));
    const [encoded, encode] = timed(() => packs.map(encodePack));
    const [, read] = timed(() => encoded.map(readBytes));
    costs.build.push(build / events.length);
    costs.encode.push(encode / events.length);
    costs.read.push(read / events.length);
  }
  const names = {
    build: "events to a pack",
    encode: "pack to bytes (zstd-1, CRC)",
    read: "bytes to events (each record hashed)",
  };
  return (["build", "encode", "read"] as const).map((step) => ({
    part: "pack",
    name: `CPU an event, ${names[step]}`,
    ...summary(costs[step]),
    unit: "µs",
  }));
}

function readBytes(bytes: Uint8Array): readonly FirehoseEvent[] {
  const decoded = decodePack(bytes);
  const result = decoded.ok ? readPack(decoded.pack) : decoded;
  if (!result.ok) throw new Error(`a pack of our own cannot be read: ${result.reason}`);
  return result.events;
}

/** The result, and CPU microseconds of this process: what others do on the machine does not count. */
function timed<Result>(work: () => Result): readonly [Result, number] {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return [result, user + system];
}

/** Of 40 frames received from a real relay, which lie beside a checkout of ours and nowhere else. */
function realFrameFigures(): Figure[] {
  const name = "bytes an event, 40 real frames in one pack";
  if (!existsSync(REAL_FRAMES)) {
    const note = "skipped: the frames (../shared/data/real-frames) are not on this machine.";
    return [{ part: "pack", name, value: Number.NaN, unit: "B", note }];
  }
  const frames = readRealFrames();
  const events = frames.flatMap((frame) => {
    const message = decodeMessage(frame, RECEIVED_AT_MS);
    return message.kind === "event" ? [message.event] : [];
  });
  const raw = zstd1(Buffer.concat(frames)).length / frames.length;
  const together = packsOf(events, events.length).reduce((sum, one) => sum + encodePack(one).length, 0) / events.length;
  const alone = packsOf(events, 1).reduce((sum, one) => sum + encodePack(one).length, 0) / events.length;
  const rawAlone = frames.reduce((sum, frame) => sum + zstd1(frame).length, 0) / frames.length;
  const peer = "raw frames, zstd-1";
  return [
    {
      part: "pack",
      name,
      value: together,
      unit: "B",
      peer: { name: peer, value: raw },
      ratio: raw / together,
      note: "too few to share much: a pack of 500 takes less. The frames hold the blocks of the tree and the commit with its signature as well.",
    },
    {
      part: "pack",
      name: "bytes an event, 40 real frames, each a pack",
      value: alone,
      unit: "B",
      peer: { name: peer, value: rawAlone },
      ratio: rawAlone / alone,
    },
  ];
}

/** What Jetstream would send for the event. */
function jetstreamLine(event: CommitEvent): string {
  const [op] = event.ops;
  return JSON.stringify({
    did: event.did,
    time_us: event.receivedAtMs * 1000 + (event.seq % 1000),
    kind: "commit",
    commit: {
      rev: tidText(event.rev),
      operation: op?.action,
      collection: op?.collection,
      rkey: op?.rkey,
      ...(op?.record && recordFields(op.record)),
    },
  });
}

function recordFields(bytes: Uint8Array): { readonly record: unknown; readonly cid: string } {
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) throw new Error(`a record of the load is no DAG-CBOR: ${decoded.reason}`);
  return { record: JSON.parse(toDagJson(decoded.value).json), cid: cidText(digestOf(bytes)) };
}

function zstd1(bytes: Uint8Array): Uint8Array {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

function chunks<Item>(items: readonly Item[], size: number): readonly (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}
