/**
 * `node redis-writer.ts URL events|packs RECORDING LAPS`: the writer by itself. Frames are decoded and held in memory before the clock starts;
 * then events become entries or packs, a cut of 500 at a time (of entries in all, of events in one lane), and go to Redis with the cursor, one cut on its way at a time, as in `standpipe ingest`. Then the
 * same entries once more as plain XADDs in pipelines of 500, with no cursor and no transaction. One JSON line says how long each took.
 */
import { createRedisCheckpoint } from "../../lib/checkpoint/redis/checkpoint.ts";
import { decodeMessage } from "../../lib/core/decode-event.ts";
import type { FirehoseEvent } from "../../lib/core/event.ts";
import { MAX_SEAL_BYTES } from "../../lib/core/pack.ts";
import { type CutBuilder, EntryCutBuilder, PackCutBuilder } from "../../lib/ingest/cut-builder.ts";
import { createRedisClient, type RedisClient } from "../../lib/stream/redis/client.ts";
import { type EntryForm, establishedForm, packForm, type StreamEntry } from "../../lib/stream/redis/entry-form.ts";
import { StreamRoom } from "../../lib/stream/redis/keep-room.ts";
import { createRedisWriter } from "../../lib/stream/redis/writer.ts";
import { CountingTelemetry } from "../support/counting-telemetry.ts";
import { FIRST_SEQ, freshFrame } from "./fresh-frames.ts";
import { readTemplates } from "./fresh-relay.ts";
import { LANES } from "./processes.ts";

export interface WriterTimes {
  readonly events: number;
  readonly seconds: number;
  /** Of the plain XADDs. */
  readonly plainSeconds: number;
}

interface Received {
  readonly event: FirehoseEvent;
  readonly frame: Uint8Array;
}

const KEY = "firehose:events";
const GROUP = "firehose-processors";
const MOST_EVENTS = 100_000_000;
const CUT_EVENTS = 500;
const POSITION = { relay: "relay.bench", epoch: 1, seq: 0 } as const;

const [url = "", format = "", recording = "", laps = "1"] = process.argv.slice(2);
const received = readEvents(recording, Number(laps));
const client = createRedisClient({ url, name: "standpipe-bench" });
try {
  const limits = { maxEvents: CUT_EVENTS, maxBytes: MAX_SEAL_BYTES };
  const times =
    format === "packs"
      ? await measure(received, new PackCutBuilder(LANES, limits), () => packForm(client, { key: KEY, lanes: LANES }))
      : await measure(received, new EntryCutBuilder(limits), () => Promise.resolve(establishedForm(KEY)));
  console.log(JSON.stringify(times));
} finally {
  client.disconnect();
}

function readEvents(path: string, laps: number): readonly Received[] {
  const templates = readTemplates(path);
  return Array.from({ length: laps * templates.length }, (_, index) => {
    const template = templates[index % templates.length];
    if (template === undefined) throw new Error("a recording without frames");
    const frame = freshFrame(template, Math.floor(index / templates.length), FIRST_SEQ + index);
    const message = decodeMessage(frame, Date.now());
    if (message.kind !== "event") throw new Error(`a frame of kind ${message.kind}`);
    return { event: message.event, frame };
  });
}

async function measure<Item>(
  received: readonly Received[],
  builder: CutBuilder<Item>,
  openForm: () => Promise<EntryForm<Item>>,
): Promise<WriterTimes> {
  const checkpoint = createRedisCheckpoint({
    client,
    cursorKey: "firehose:cursor",
    firstRelay: POSITION.relay,
    holdsLanes: format === "packs",
  });
  const { fence } = await checkpoint.acquire({ lanes: LANES });
  const form = keeping(await openForm());
  const telemetry = new CountingTelemetry();
  const measured = format === "packs" ? "packs" : "entries";
  const room = new StreamRoom({
    client,
    keys: form.keys,
    group: GROUP,
    protectsAllGroups: false,
    maxEvents: MOST_EVENTS,
    measure: measured,
    telemetry,
  });
  using writer = createRedisWriter({
    ledger: checkpoint,
    form,
    room,
    maxLength: null,
    telemetry,
    random: Math.random,
    onTrouble: () => undefined,
  });
  const begin = performance.now();
  let underWay: Promise<void> = Promise.resolve();
  for (const [index, { event, frame }] of received.entries()) {
    builder.append(event, frame, POSITION);
    if (!builder.isFull && index < received.length - 1) continue;
    const cut = {
      items: builder.seal(POSITION, fence),
      cursor: { relay: POSITION.relay, epoch: 1, seq: event.seq, timeMs: event.timeMs },
    };
    // The next cut grows while this one is on its way.
    await underWay;
    underWay = writer.append(cut);
  }
  await underWay;
  const seconds = (performance.now() - begin) / 1000;
  return { events: received.length, seconds, plainSeconds: await addPlainly(client, form.kept) };
}

/** A form that remembers its entries. */
function keeping<Item>(form: EntryForm<Item>): EntryForm<Item> & { readonly kept: StreamEntry[] } {
  const kept: StreamEntry[] = [];
  return {
    keys: form.keys,
    kept,
    encode(items) {
      const entries = form.encode(items);
      kept.push(...entries);
      return entries;
    },
  };
}

async function addPlainly(client: RedisClient, entries: readonly StreamEntry[]): Promise<number> {
  const begin = performance.now();
  for (let at = 0; at < entries.length; at += CUT_EVENTS) {
    const pipeline = client.pipeline();
    for (const { key, fields } of entries.slice(at, at + CUT_EVENTS)) {
      pipeline.xadd(
        `plain:${key}`,
        "*",
        ...fields.map((field) => (typeof field === "string" ? field : Buffer.from(field))),
      );
    }
    await pipeline.exec();
  }
  return (performance.now() - begin) / 1000;
}
