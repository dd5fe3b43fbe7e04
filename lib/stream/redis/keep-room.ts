/** Keeps a stream short: trims what has been handled, and nothing else; says when it is full. */
import type { Redis } from "ioredis";
import type { EntryId } from "../../core/pack.ts";
import type { Telemetry } from "../../telemetry/port.ts";
import { readGroups } from "./group.ts";
import { asEntries, compareIds, fieldOf, idAfter, idText, type PendingEntry, parseId } from "./replies.ts";

export interface StreamRoomOptions {
  readonly client: Redis;
  readonly keys: readonly string[];
  /** What it has not handled is never trimmed. */
  readonly group: string;
  /** Nor what any other group has not. */
  readonly protectsAllGroups: boolean;
  /** Events that may lie in the stream. */
  readonly maxEvents: number;
  /**
   * `entries`: an entry is an event, and handled ones stay for others while the stream is less than half full. `packs`: each says in `events` how
   * many there were up to it, and nobody else reads them.
   */
  readonly measure: "entries" | "packs";
  readonly telemetry: Telemetry;
}

interface GroupState {
  readonly name: string;
  readonly lag: number | null;
  readonly pending: number;
  readonly lastDelivered: EntryId;
}

/** Past this share of the room, handled entries go. */
const KEPT_SHARE = 0.5;
/** Of `maxmemory`: past it handled entries go at once. */
const PRESSED_SHARE = 0.9;

export class StreamRoom {
  readonly #options: StreamRoomOptions;
  /** By key, at the last look; what was added since is counted in. */
  readonly #events = new Map<string, number>();

  constructor(options: StreamRoomOptions) {
    this.#options = options;
  }

  /** Events in the stream, as far as is known. */
  get events(): number {
    return [...this.#events.values()].reduce((sum, events) => sum + events, 0);
  }

  get isFull(): boolean {
    return this.events >= this.#options.maxEvents;
  }

  /** An entry is an event: what the server says counts. */
  noteLength(key: string, entries: number): void {
    if (this.#options.measure === "entries") this.#events.set(key, entries);
  }

  noteAdded(key: string, events: number): void {
    if (this.#options.measure === "packs") this.#events.set(key, (this.#events.get(key) ?? 0) + events);
  }

  /** Looks, trims, and tells the groups' lags. Rejects as Redis does. */
  async look(): Promise<void> {
    const { keys, telemetry } = this.#options;
    const lags = new Map<string, number>();
    const isPressed = await this.#isShortOfMemory();
    for (const key of keys) {
      const groups = await this.#groups(key);
      for (const { name, lag, pending } of groups) lags.set(name, (lags.get(name) ?? 0) + (lag ?? 0) + pending);
      await this.#trim(key, groups, isPressed);
    }
    for (const [group, lag] of lags) telemetry.gauge("stream_group_lag", lag, group);
    telemetry.gauge("stream_events", this.events);
  }

  /** What keeps the stream from being trimmed, for whoever has to mend it. Rejects as Redis does. */
  async whyFull(): Promise<string> {
    const { client, keys, group } = this.#options;
    for (const key of keys) {
      const pending = await client.xpending(key, group, "-", "+", 1).catch(() => null);
      if (pending === null) return `${key} has no group ${group}: nobody has begun to handle it`;
      const [oldest] = pending as PendingEntry[];
      if (oldest === undefined) continue;
      const [id, consumer, idleMs] = oldest;
      return `${key}: consumer ${consumer} of ${group} was given entry ${id} ${Math.round(idleMs / 1000)} s ago, and has not acknowledged it`;
    }
    return `the group ${group} has not read the oldest of them`;
  }

  async #groups(key: string): Promise<readonly GroupState[]> {
    const groups = (await readGroups(this.#options.client, key)) ?? [];
    return groups.map((group) => {
      const lag = group.get("lag");
      return {
        name: String(group.get("name")),
        lag: typeof lag === "number" ? lag : null,
        pending: Number(group.get("pending") ?? 0),
        lastDelivered: parseId(String(group.get("last-delivered-id"))),
      };
    });
  }

  /** Then what is handled goes, however short the stream is: the server may be full of other things, and refuses writes. */
  async #isShortOfMemory(): Promise<boolean> {
    const memory = await this.#options.client.info("memory");
    const at = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(memory)?.[1] ?? 0);
    const most = at("maxmemory");
    return most > 0 && at("used_memory") > most * PRESSED_SHARE;
  }

  async #trim(key: string, groups: readonly GroupState[], isPressed: boolean): Promise<void> {
    const { client, group, protectsAllGroups, measure, maxEvents, telemetry } = this.#options;
    const before = await this.#measure(key);
    const mine = groups.find(({ name }) => name === group);
    const isShort = measure === "entries" && !isPressed && before < maxEvents * KEPT_SHARE;
    if (mine === undefined || isShort) return;
    const guarded = protectsAllGroups ? groups : [mine];
    let lowest: EntryId | null = null;
    for (const state of guarded) {
      const unhandled = await this.#lowestUnhandled(key, state);
      if (lowest === null || compareIds(unhandled, lowest) < 0) lowest = unhandled;
    }
    const trimmed = await client.xtrim(key, "MINID", idText(lowest ?? { ms: 0, n: 0 }));
    if (trimmed > 0) {
      telemetry.count("trimmed_entries_total", trimmed, "handled");
      await this.#measure(key);
    }
  }

  /** What lies before it has been delivered and acknowledged. */
  async #lowestUnhandled(key: string, { name, lastDelivered }: GroupState): Promise<EntryId> {
    // Asked after the last delivered id: whatever was delivered since is pending, or later than that id.
    const [count, lowest] = (await this.#options.client.xpending(key, name)) as [number, string | null];
    return count > 0 && lowest !== null ? parseId(lowest) : idAfter(lastDelivered);
  }

  async #measure(key: string): Promise<number> {
    const { client, measure } = this.#options;
    const events = measure === "entries" ? await client.xlen(key) : await countPackedEvents(client, key);
    this.#events.set(key, events);
    return events;
  }
}

async function countPackedEvents(client: Redis, key: string): Promise<number> {
  const [first] = asEntries(await client.xrangeBuffer(key, "-", "+", "COUNT", 1));
  if (first === undefined) return 0;
  const last = await lastPack(client, key);
  const firstAt = Number(fieldOf(first, "events"));
  return (last?.events ?? firstAt) - firstAt + Number(fieldOf(first, "count"));
}

/** How many events there were up to a stream's last pack; null where it has none. */
export async function lastPack(client: Redis, key: string): Promise<{ readonly events: number } | null> {
  const [last] = asEntries(await client.xrevrangeBuffer(key, "+", "-", "COUNT", 1));
  return last === undefined ? null : { events: Number(fieldOf(last, "events")) };
}
