/** Replies of Redis, which are lists of names and values in turn, to what they mean. */
import type { EntryId } from "../../core/pack.ts";

/** An entry as it was read: fields and values in turn. */
export interface RawEntry {
  readonly id: string;
  readonly fields: readonly Buffer[];
}

/** Of XPENDING with a range. */
export type PendingEntry = [id: string, consumer: string, idleMs: number, deliveries: number];

export function asMap(reply: unknown): ReadonlyMap<string, unknown> {
  const list = Array.isArray(reply) ? reply : [];
  const map = new Map<string, unknown>();
  for (let at = 0; at + 1 < list.length; at += 2) map.set(String(list[at]), list[at + 1]);
  return map;
}

/** Of XRANGE, XCLAIM and the like; entries that are gone by now are left out. */
export function asEntries(reply: unknown): RawEntry[] {
  const list = Array.isArray(reply) ? reply : [];
  return list.flatMap((item) => {
    if (!Array.isArray(item) || !Array.isArray(item[1])) return [];
    return [{ id: String(item[0]), fields: item[1] as Buffer[] }];
  });
}

export function fieldOf({ fields }: RawEntry, name: string): Buffer | undefined {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (fields[at]?.toString("latin1") === name) return fields[at + 1];
  }
  return undefined;
}

export function parseId(text: string): EntryId {
  const [ms = "0", n = "0"] = text.split("-");
  return { ms: Number(ms), n: Number(n) };
}

/** Less than 0 where `a` comes first. */
export function compareIds(a: EntryId, b: EntryId): number {
  return a.ms - b.ms || a.n - b.n;
}

export function idText({ ms, n }: EntryId): string {
  return `${ms}-${n}`;
}

/** The first id that may come after this one. */
export function idAfter({ ms, n }: EntryId): EntryId {
  return { ms, n: n + 1 };
}
