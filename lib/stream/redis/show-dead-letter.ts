/** The established list of dead letters, where tools of the field look for what was set aside. */
import type { Redis } from "ioredis";
import type { Telemetry } from "../../telemetry/port.ts";
import type { EntryGroup } from "./entry-packs.ts";
import { DEAD_LETTERS_KEY } from "./limits.ts";
import { asEntries, type PendingEntry } from "./replies.ts";

export interface DeadLettersPlace {
  readonly client: Redis;
  readonly key: string;
  readonly group: string;
  /** How many entries the list keeps, about. */
  readonly maxDeadLetters: number;
  readonly telemetry: Telemetry;
}

/** Never rejects: what the list lacks is lost to nobody, since the database has the letter. */
export async function showDeadLetter(
  { id, seq }: EntryGroup["entries"][number],
  { client, key, group, maxDeadLetters, telemetry }: DeadLettersPlace,
): Promise<void> {
  try {
    const [entry] = asEntries(await client.xrangeBuffer(key, id, id));
    const pending = (await client.xpending(key, group, id, id, 1)) as PendingEntry[];
    const letter = {
      type: entry?.fields[1] ?? "",
      data: entry?.fields[3] ?? "",
      seq: String(seq),
      origId: id,
      deliveries: String(pending[0]?.[3] ?? 1),
    };
    await client.xadd(DEAD_LETTERS_KEY, "MAXLEN", "~", maxDeadLetters, "*", ...Object.entries(letter).flat());
  } catch (error) {
    telemetry.log.warn("a dead letter is in the database, and could not be shown in Redis", {
      id,
      error: String(error),
    });
  }
}
