/** Watches the item until the lease is free, and takes it. */
import { setTimeout as wait } from "node:timers/promises";
import type { Telemetry } from "../../telemetry/port.ts";
import { LanesChangedError } from "../port.ts";
import { CursorTableError, LeaseHeldError } from "./errors.ts";
import type { LeaseItem } from "./item.ts";
import type { LeaseTimes } from "./limits.ts";
import type { LeaseTable } from "./table.ts";

export interface TakeOptions {
  readonly table: LeaseTable;
  readonly tableName: string;
  readonly lanes: number;
  readonly owner: string;
  /** Waits as long as another process holds the lease. */
  readonly standby: boolean;
  readonly times: LeaseTimes;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  readonly telemetry: Telemetry;
  /** Told who holds the lease while this process waits for it, and null when it does not (any more). */
  readonly onStandby: (holder: string | null) => void;
  readonly onTrouble: (trouble: string | null) => void;
  readonly signal: AbortSignal;
}

export interface TakenLease {
  readonly item: LeaseItem;
  /** When the request that took it was sent: from then on others may count. */
  readonly takenAtMs: number;
}

/** What was seen last, and since when. */
interface Watched {
  readonly item: LeaseItem;
  /** Heard of at this time: nothing that it stands for can be later. */
  readonly sinceMs: number;
  readonly sawChange: boolean;
}

/**
 * A holder is dead when its item has not changed for `takeOverAfterMs` by our own clock; clocks of different machines are never compared.
 * Rejects with the signal's reason, LanesChangedError, LeaseHeldError, CursorTableError. Where DynamoDB is away it asks on.
 */
export async function takeLease(options: TakeOptions): Promise<TakenLease> {
  const { times, nowMs, signal, telemetry, onStandby, onTrouble } = options;
  const beganAtMs = nowMs();
  let watched: Watched | null = null;
  let isTold = false;
  let isTroubled = false;
  for (;;) {
    signal.throwIfAborted();
    try {
      const askedAtMs = nowMs();
      const item = await options.table.read();
      onTrouble(null);
      isTroubled = false;
      checkLanes(item, options);
      watched = watch(item, watched, nowMs());
      const how = freeBecause(watched, askedAtMs, times);
      const taken = how === null ? null : await take(item, how, options);
      if (taken !== null) {
        onStandby(null);
        return taken;
      }
      if (how === null && item !== null) {
        onStandby(item.owner);
        if (!isTold) telemetry.log.info("another ingester holds the lease: standing by", { owner: item.owner });
        isTold = true;
        refuse(watched, nowMs() - beganAtMs, options);
      }
    } catch (error) {
      if (isFinal(error)) throw error;
      onTrouble(`the cursor's table: ${String(error)}`);
      if (!isTroubled)
        telemetry.log.warn("the cursor's table does not answer; trying again until it does", { error: String(error) });
      isTroubled = true;
    }
    await wait(times.watchEveryMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

function watch(item: LeaseItem | null, before: Watched | null, nowMs: number): Watched | null {
  if (item === null) return null;
  const isSame = before !== null && before.item.fence === item.fence && before.item.beat === item.beat;
  return isSame ? before : { item, sinceMs: nowMs, sawChange: before !== null };
}

type FreeBecause = "new" | "released" | "expired";

function freeBecause(watched: Watched | null, askedAtMs: number, times: LeaseTimes): FreeBecause | null {
  if (watched === null) return "new";
  if (watched.item.released) return "released";
  return askedAtMs - watched.sinceMs >= times.takeOverAfterMs ? "expired" : null;
}

/** Null where somebody else was faster, or the holder lives after all. */
async function take(item: LeaseItem | null, how: FreeBecause, options: TakeOptions): Promise<TakenLease | null> {
  const { table, lanes, owner, nowMs, telemetry } = options;
  const before = item ?? { fence: 0, beat: 0, cursors: new Map(), last: null, switches: [] };
  const next: LeaseItem = { ...before, fence: before.fence + 1, beat: before.beat + 1, owner, lanes, released: false };
  const takenAtMs = nowMs();
  if ((await table.replace(item, next)) === "conflict") return null;
  telemetry.count("lease_takeovers_total", 1, how);
  telemetry.log.info("the lease is taken", { fence: next.fence, how, from: item?.owner ?? null });
  return { item: next, takenAtMs };
}

function refuse(watched: Watched | null, waitedMs: number, options: TakeOptions): void {
  const { standby, times, tableName } = options;
  if (standby || watched === null || !watched.sawChange || waitedMs < times.refuseAfterMs) return;
  throw new LeaseHeldError({ owner: watched.item.owner, tableName });
}

function checkLanes(item: LeaseItem | null, { lanes, tableName }: TakeOptions): void {
  if (item === null || item.lanes === lanes) return;
  throw new LanesChangedError({
    stored: item.lanes,
    given: lanes,
    mend: `table ${tableName} was written with LANES=${item.lanes}; keep that value, or stop the ingester (SIGTERM drains), let the consumer apply what is in the stream, and run 'standpipe migrate --lanes ${lanes}' with KINESIS_STREAM_NAME and DYNAMODB_TABLE_NAME as here, which changes both the table and the database`,
  });
}

function isFinal(error: unknown): boolean {
  return error instanceof LanesChangedError || error instanceof LeaseHeldError || error instanceof CursorTableError;
}
