/** Items of a cut → entries of streams: packs one stream a lane, established entries one stream in all. */
import type { Redis } from "ioredis";
import type { Entry } from "../../core/entry-write.ts";
import { encodePack, type Pack } from "../../core/pack.ts";
import { lastPack } from "./keep-room.ts";

export interface StreamEntry {
  readonly key: string;
  readonly fields: readonly (string | Uint8Array)[];
  /** Events in it. */
  readonly events: number;
}

export interface EntryForm<Item> {
  /** All streams that entries may go into. */
  readonly keys: readonly string[];
  encode(items: readonly Item[]): readonly StreamEntry[];
}

/** Readers take the fields by their place: `type`, `data`, `seq` in this order and nothing else. */
export function establishedForm(key: string): EntryForm<Entry> {
  return {
    keys: [key],
    encode: (entries) =>
      entries.map(({ type, data, seq }) => ({ key, fields: ["type", type, "data", data, "seq", seq], events: 1 })),
  };
}

/** Streams of packs: one a lane, so that each can have a reader of its own. */
export function packKeys(key: string, lanes: number): readonly string[] {
  return Array.from({ length: lanes }, (_, lane) => `${key}:${lane}`);
}

/** Every stream of a deployment. */
export function streamKeys(
  { format, streamKey }: { readonly format: "events" | "packs"; readonly streamKey: string },
  lanes: number,
): readonly string[] {
  return format === "packs" ? packKeys(streamKey, lanes) : [streamKey];
}

/** Rejects as Redis does: it asks where the counts of events stand. */
export async function packForm(
  client: Redis,
  { key, lanes }: { readonly key: string; readonly lanes: number },
): Promise<EntryForm<Pack>> {
  const keys = packKeys(key, lanes);
  const totals: number[] = [];
  for (const each of keys) totals.push((await lastPack(client, each))?.events ?? 0);
  return {
    keys,
    encode: (packs) =>
      packs.map((pack) => {
        const { lane, count } = pack.header;
        const events = (totals[lane] ?? 0) + count;
        totals[lane] = events;
        const fields = ["pack", encodePack(pack), "count", String(count), "events", String(events)];
        return { key: keys[lane] ?? key, fields, events: count };
      }),
  };
}
