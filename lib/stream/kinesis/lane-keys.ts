/** Lane in, the keys that place its records in the stream out. */
import { HASH_KEY_BITS } from "./limits.ts";

/** Of records that tell of a gap: they belong to no account. */
export const GAP_LANE = 0;

export interface LaneKeys {
  /** Shown, and what a function's parallel batches are told apart by; the place comes from the hash key. */
  readonly partitionKey: string;
  readonly explicitHashKey: string;
}

/**
 * The middle of the lane's share of the hash keys, (lane + ½) · 2^128 / lanes: a fixed point, whatever the shards are. After a split or a
 * merge the lane goes on in a descendant of its shard, and readers finish a shard before its descendants: so it keeps its order.
 */
export function laneKeys({ lane, lanes }: { readonly lane: number; readonly lanes: number }): LaneKeys {
  const hashKey = ((2n * BigInt(lane) + 1n) << HASH_KEY_BITS) / (2n * BigInt(lanes));
  return { partitionKey: String(lane), explicitHashKey: String(hashKey) };
}

/** The lane that a record's key names; 0 where it names none: whoever wrote it may have used any key. */
export function laneNamed(partitionKey: string, { lanes }: { readonly lanes: number }): number {
  const lane = /^\d{1,4}$/.test(partitionKey) ? Number(partitionKey) : 0;
  return lane < lanes ? lane : 0;
}
