/** Gaps that an ingester without a database has left in Redis (`KEY:gaps`), to whoever has one. */
import type { Redis } from "ioredis";
import type { Gap } from "../../core/cursor.ts";

/**
 * Gives each gap to `record`, and takes it out of Redis once that has resolved: in between it may be recorded twice, which is one row. Resolves
 * with how many there were; rejects as Redis and `record` do. What is no gap stays where it is.
 */
export async function moveGaps(
  client: Redis,
  { cursorKey, record }: { readonly cursorKey: string; readonly record: (gap: Gap) => Promise<void> },
): Promise<number> {
  const key = `${cursorKey}:gaps`;
  let moved = 0;
  for (const [field, text] of Object.entries(await client.hgetall(key))) {
    const gap = readGap(text);
    if (gap === null) continue;
    await record(gap);
    await client.hdel(key, field);
    moved += 1;
  }
  return moved;
}

/** As `recordGap` of the checkpoint has written it. */
function readGap(text: string): Gap | null {
  try {
    const gap = JSON.parse(text) as Partial<Gap> | null;
    const isGap = typeof gap?.reason === "string" && typeof gap.relay === "string" && Number.isSafeInteger(gap.epoch);
    return isGap ? (gap as Gap) : null;
  } catch {
    return null;
  }
}
