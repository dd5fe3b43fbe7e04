/** A place further back in, the cursor's item with it out: whoever reads next reads from there. */
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { SavedCursor } from "../../core/cursor.ts";
import type { LeaseItem } from "./item.ts";
import { itemId } from "./item-id.ts";
import { createLeaseTable } from "./table.ts";

/** `time`: Unix milliseconds; the next reader searches the relay for it, and begins five minutes before. */
export type RewindTarget =
  | { readonly kind: "seq"; readonly seq: number }
  | { readonly kind: "time"; readonly timeMs: number };

export interface RewindOptions {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  /** Which ingester it is: the stream's name. */
  readonly name: string;
  /** Host; null: the relay that was read last. */
  readonly relay: string | null;
  readonly target: RewindTarget;
  /** For a person: who did it. */
  readonly owner: string;
}

export type RewindResult =
  | { readonly ok: true; readonly from: SavedCursor; readonly fence: number }
  /** `no-cursor`: nothing was ever saved (for this relay). `forward`: what lies between would be left out. */
  | { readonly ok: false; readonly reason: "no-cursor" }
  | { readonly ok: false; readonly reason: "forward"; readonly from: SavedCursor };

/** A holder writes each second: somebody who meets it so often in a row is not here by accident. */
const TRIES = 20;

/**
 * Takes the lease and gives it back at once. So a process that holds it is fenced and ends, and none can save a later cursor over the place:
 * its successor, with a greater fence, reads from there. Rejects as DynamoDB does where it is away, and with CursorTableError.
 */
export async function rewindCursor(options: RewindOptions): Promise<RewindResult> {
  const { client, tableName, name, relay, target, owner } = options;
  const table = createLeaseTable({ client, tableName, id: itemId(name) });
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const item = await table.read();
    const from = cursorOf(item, relay);
    if (item === null || from === null) return { ok: false, reason: "no-cursor" };
    if (isForward(from, target)) return { ok: false, reason: "forward", from };
    const next = rewound(item, from, target);
    const fence = item.fence + 1;
    const outcome = await table.replace(item, { ...next, fence, beat: item.beat + 1, owner, released: true });
    if (outcome === "written") return { ok: true, from, fence };
  }
  throw new Error(`the cursor in table ${tableName} is written by somebody else all the time: try again`);
}

function cursorOf(item: LeaseItem | null, relay: string | null): SavedCursor | null {
  const host = relay ?? item?.last?.relay;
  return host === undefined ? null : (item?.cursors.get(host) ?? null);
}

function isForward(from: SavedCursor, target: RewindTarget): boolean {
  return target.kind === "seq" ? target.seq > from.seq : from.timeMs !== null && target.timeMs > from.timeMs;
}

/**
 * A reader goes on at a cursor that is as new as the newest time that is known, or that has no time; otherwise it searches the relay for that
 * time. So a seq goes without a time, and a time goes with a cursor that is before everything, and certain to be so.
 */
function rewound(item: LeaseItem, { relay, epoch }: SavedCursor, target: RewindTarget): LeaseItem {
  const isTime = target.kind === "time";
  const cursor: SavedCursor = { relay, epoch, seq: isTime ? 0 : target.seq, timeMs: isTime ? 0 : null };
  return {
    ...item,
    cursors: new Map(item.cursors).set(relay, cursor),
    last: { ...cursor, timeMs: isTime ? target.timeMs : null },
  };
}
