/** Streams and a group in, how much of them the group has not read and how old the oldest entry is that it has not handled. */
import type { Redis } from "ioredis";
import { asEntries, asMap, idAfter, idText, parseId } from "./replies.ts";

export interface Backlog {
  /** Entries that were given to nobody of the group: its lag. What is read and not applied yet is not in it. */
  readonly unread: number;
  /** Of the oldest entry that is unread, or read and not acknowledged; 0 where there is none. By the server's clock. */
  readonly oldestSeconds: number;
}

/** Counted one by one where the server does not know a lag: more than this is told as this. */
const COUNTED_ENTRIES = 10_000;

/** Rejects as Redis does. Streams that are not there yet have nothing to read. */
export async function readBacklog(
  client: Redis,
  { keys, group }: { readonly keys: readonly string[]; readonly group: string },
): Promise<Backlog> {
  const [seconds, microseconds] = (await client.time()) as unknown as [string | number, string | number];
  const nowMs = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  let unread = 0;
  let oldestMs = nowMs;
  for (const key of keys) {
    const state = await backlogOf(client, key, group);
    unread += state.unread;
    oldestMs = Math.min(oldestMs, state.oldestMs ?? nowMs);
  }
  return { unread, oldestSeconds: (nowMs - oldestMs) / 1000 };
}

async function backlogOf(
  client: Redis,
  key: string,
  group: string,
): Promise<{ readonly unread: number; readonly oldestMs: number | null }> {
  const state = await groupState(client, key, group);
  if (state === null) return { unread: 0, oldestMs: null };
  const from = state.lastDelivered === null ? "-" : idText(idAfter(parseId(state.lastDelivered)));
  const unread = state.lag ?? asEntries(await client.xrangeBuffer(key, from, "+", "COUNT", COUNTED_ENTRIES)).length;
  if (state.pending > 0) {
    const [, lowest] = (await client.xpending(key, group)) as [number, string | null];
    if (lowest !== null) return { unread, oldestMs: parseId(lowest).ms };
  }
  const [first] = asEntries(await client.xrangeBuffer(key, from, "+", "COUNT", 1));
  return { unread, oldestMs: first === undefined ? null : parseId(first.id).ms };
}

interface GroupState {
  /** Null: the server does not know it. */
  readonly lag: number | null;
  readonly pending: number;
  /** Null: the group is not there, and everything is still to be read. */
  readonly lastDelivered: string | null;
}

/** Null where there is no stream. */
async function groupState(client: Redis, key: string, group: string): Promise<GroupState | null> {
  const groups = await client.xinfo("GROUPS", key).catch((error: unknown) => {
    if (error instanceof Error && /no such key/i.test(error.message)) return null;
    throw error;
  });
  if (groups === null) return null;
  const mine = (groups as unknown[]).map(asMap).find((each) => each.get("name") === group);
  if (mine === undefined) return { lag: null, pending: 0, lastDelivered: null };
  const lag = mine.get("lag");
  return {
    lag: typeof lag === "number" ? lag : null,
    pending: Number(mine.get("pending") ?? 0),
    lastDelivered: String(mine.get("last-delivered-id")),
  };
}
