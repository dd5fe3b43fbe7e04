/** What two databases are compared by: a record as one of them has it, and the time that both can be asked for. */
import { makeTid, parseTid, tidText, tidTimeMs } from "../../core/tid.ts";

/** A record in one of the databases. */
export interface ComparedRecord {
  readonly uri: string;
  /** What it says, by name; a database that has no such column leaves the name out. Null where the record says nothing. */
  readonly fields: Readonly<Record<string, string | null>>;
  /** When the commit that wrote this version was made; null where the database does not keep it. Unix milliseconds. */
  readonly revMs: number | null;
  /** `createdAt`, as far as the database could read it; null where it keeps none. */
  readonly createdMs: number | null;
}

/** From the first millisecond on, and before the last: what is earlier or later one of the two cannot have, or not yet. */
export interface CompareWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The TIDs of that time: `from`, and everything below `to`. */
export function windowTids({ fromMs, toMs }: CompareWindow): { readonly from: bigint; readonly to: bigint } {
  return { from: makeTid(Math.max(0, fromMs) * 1000, 0), to: makeTid(Math.max(0, toMs) * 1000, 0) };
}

/** The same as record keys. */
export function windowKeys(window: CompareWindow): { readonly from: string; readonly to: string } {
  const { from, to } = windowTids(window);
  return { from: tidText(from), to: tidText(to) };
}

/** When a record's key says that it was made; null where the key is no TID. */
export function keyTimeMs(uri: string): number | null {
  const tid = parseTid(uri.slice(uri.lastIndexOf("/") + 1));
  return tid === undefined ? null : tidTimeMs(tid);
}
