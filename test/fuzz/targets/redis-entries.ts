/** Entries of a Redis stream in the established form, of any writer: structure-aware, since most of what goes wrong is JSON of another shape. */
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import { type Entry, encodeEntry } from "../../../lib/core/entry-write.ts";
import { readPack } from "../../../lib/core/pack.ts";
import { createEstablishedPacker, type HeldEntry } from "../../../lib/stream/redis/entry-packs.ts";
import { recordedAtMs, recordedFrames } from "../../support/recorded-frames.ts";
import { LANES, RELAY } from "../../support/recorded-packs.ts";
import { type FuzzTarget, promise } from "../fuzz.ts";
import { mutate, type Random } from "../mutate.ts";
import { checkEvent } from "./check-event.ts";

/** Values where others are expected. */
const NASTY_VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  1e300,
  2 ** 53,
  "",
  " ",
  "\u0000",
  "\ud800",
  "__proto__",
  "did:plc:zzzzzzzzzzzzzzzzzzzzzzzz",
  "did:web:a.test",
  "app.bsky.feed.like/",
  "/",
  "app.bsky.feed.like/../x",
  "2222222222222",
  "0000-01-01T00:00:00Z",
  "bafyreib",
  "AAAA",
  "x".repeat(5_000),
  [],
  [[]],
  {},
  { $link: 3 },
  { $bytes: "%%" },
];

/** A list of entries, each its fields in order. */
type Fields = readonly string[];

export const redisEntriesTarget: FuzzTarget = {
  name: "redis-entry",
  inputs: () => recordedFrames.slice(0, 2_000).flatMap(entryOf),
  mutate(input, random, other) {
    const fields = [...(JSON.parse(text(input)) as string[])];
    const at = random(8) === 0 ? random(fields.length) : 3;
    const donor = (JSON.parse(text(other)) as Fields)[at] ?? "";
    fields[at] = mutatedField(fields[at] ?? "", random, donor);
    if (random(40) === 0) fields.splice(random(fields.length), 1 + random(2));
    return Buffer.from(JSON.stringify(fields));
  },
  read(input) {
    const fields = JSON.parse(text(input)) as Fields;
    const entry: HeldEntry = {
      id: "1795000000000-3",
      deliveries: 1,
      isForeign: false,
      fields: fields.map((each) => Buffer.from(each)),
    };
    const { groups, unreadable } = packer().pack([entry]);
    const handed = groups.flatMap(({ entries }) => entries);
    promise(handed.length + unreadable.length === 1, "an entry is handed on once");
    const [group] = groups;
    promise(group !== undefined && group.pack !== null, "what nobody has applied is in a pack");
    const result = readPack(group.pack);
    promise(result.ok && result.events.length === 1, "the pack of an entry can be read");
    const [event] = result.events;
    promise(event !== undefined, "and has one event");
    checkEvent(event, null);
    if (event.kind === "rejected") return `rejected ${event.reason}`;
    const fault = event.kind === "commit" ? event.ops.find((op) => op.fault !== null)?.fault : null;
    return fault ? `commit with ${fault.reason}` : event.kind;
  },
};

const packer = () =>
  createEstablishedPacker({
    stream: "firehose:events",
    fence: 1,
    lanes: LANES,
    places: new Map(),
    maxDeliveries: 10,
    defaultRelay: RELAY,
  });

function entryOf(frame: Uint8Array): Uint8Array[] {
  const message = decodeMessage(frame, recordedAtMs);
  if (message.kind !== "event") return [];
  const { type, data, seq }: Entry = encodeEntry(message.event, frame, { relay: RELAY, epoch: 1 });
  return [Buffer.from(JSON.stringify(["type", type, "data", data, "seq", seq]))];
}

/** As text, or as JSON with one thing in it changed. */
function mutatedField(field: string, random: Random, donor: string): string {
  if (random(4) === 0) return Buffer.from(mutate(Buffer.from(field), random, Buffer.from(donor))).toString("utf8");
  try {
    const root: unknown = JSON.parse(field);
    return JSON.stringify(changed(root, random));
  } catch {
    return String(NASTY_VALUES[random(NASTY_VALUES.length)]);
  }
}

/** A copy in which one place, at any depth, has another value, is missing, or is there twice. */
function changed(value: unknown, random: Random): unknown {
  const nasty = (): unknown => NASTY_VALUES[random(NASTY_VALUES.length)];
  if (typeof value !== "object" || value === null || random(6) === 0) {
    return typeof value === "string" && random(2) === 0 ? spoiledText(value, random) : nasty();
  }
  if (Array.isArray(value)) {
    const items: unknown[] = [...(value as unknown[])];
    const at = random(items.length);
    if (items.length === 0 || random(5) === 0) return [...items, items[at] ?? nasty()];
    items[at] = changed(items[at], random);
    return items;
  }
  const entries = Object.entries(value);
  const at = random(entries.length);
  if (random(5) === 0) return Object.fromEntries(entries.filter((_, index) => index !== at));
  return Object.fromEntries(entries.map(([key, each], index) => [key, index === at ? changed(each, random) : each]));
}

function spoiledText(value: string, random: Random): string {
  const at = random(value.length + 1);
  const inserts = ["", "\u0000", "/", "=", "é", "A"];
  return `${value.slice(0, at)}${inserts[random(inserts.length)]}${value.slice(at + random(2))}`;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}
