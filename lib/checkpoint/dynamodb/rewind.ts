/** A place further back in, the cursor's item with it out: whoever reads next reads from there. */
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { SavedCursor } from "../../core/cursor.ts";
import { changeItem } from "./change-item.ts";
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

type Refusal = Extract<RewindResult, { readonly ok: false }>;

/** Cursors of other relays, epochs and the number of lanes stay. Rejects as `changeItem` does. */
export async function rewindCursor(options: RewindOptions): Promise<RewindResult> {
  const { client, tableName, name, relay, target, owner } = options;
  const table = createLeaseTable({ client, tableName, id: itemId(name) });
  const result = await changeItem<Refusal>({
    table,
    tableName,
    owner,
    change(item) {
      const from = cursorOf(item, relay);
      if (item === null || from === null) return { ok: false, reason: "no-cursor" };
      if (isForward(from, target)) return { ok: false, reason: "forward", from };
      return { ok: true, before: item, item: rewound(item, from, target) };
    },
  });
  if (!result.ok) return result;
  const from = cursorOf(result.before, relay);
  if (from === null) throw new RangeError("a cursor was moved that is not there");
  return { ok: true, from, fence: result.fence };
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
