/** Streams and a group in, how much of them the group has not read and how old the oldest entry is that it has not handled. */
import type { Redis } from "ioredis";
import { lastGeneratedId, readGroups } from "./group.ts";
import { asEntries, idAfter, idText, parseId } from "./replies.ts";

export interface Backlog {
  /** Entries that were given to nobody of the group: its lag. What is read and not applied yet is not in it. */
  readonly unread: number;
  /** Of the oldest entry that is unread, or read and not acknowledged; 0 where there is none. By the server's clock. */
  readonly oldestSeconds: number;
}

/** Counted one by one where the server does not know a lag: more than this is told as this. */
const COUNTED_ENTRIES = 10_000;

/**
 * A replica learns what is read as claims, which do not count: once it takes over, its lag is too large by what was read since it began to
 * follow, for ever. A group that has been given the last entry has read all of them. KEYS[1] stream, ARGV[1] group.
 */
const CORRECT_COUNT = `
local function field(reply, name)
  for at = 1, #reply, 2 do if reply[at] == name then return reply[at + 1] end end
end
local stream = redis.call('XINFO', 'STREAM', KEYS[1])
local last = field(stream, 'last-generated-id')
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if field(group, 'name') == ARGV[1] and field(group, 'last-delivered-id') == last then
    redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], last, 'ENTRIESREAD', field(stream, 'entries-added'))
  end
end`;

/** Corrects the group's count where it can be seen to be wrong. Rejects as Redis does. Streams that are not there yet have nothing to read. */
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
  const isCountedWrong = (state.lag ?? 0) > 0 && state.lastDelivered === idText(await lastGeneratedId(client, key));
  if (isCountedWrong) await client.eval(CORRECT_COUNT, 1, key, group);
  const lag = isCountedWrong ? 0 : state.lag;
  const unread = lag ?? asEntries(await client.xrangeBuffer(key, from, "+", "COUNT", COUNTED_ENTRIES)).length;
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
  const groups = await readGroups(client, key);
  if (groups === null) return null;
  const mine = groups.find((each) => each.get("name") === group);
  if (mine === undefined) return { lag: null, pending: 0, lastDelivered: null };
  const lag = mine.get("lag");
  return {
    lag: typeof lag === "number" ? lag : null,
    pending: Number(mine.get("pending") ?? 0),
    lastDelivered: String(mine.get("last-delivered-id")),
  };
}
