/** A consumer group of a stream, made where it is missing, and where its stream has come. */
import type { Redis } from "ioredis";
import type { EntryId } from "../../core/pack.ts";
import type { Telemetry } from "../../telemetry/port.ts";
import { asMap, parseId } from "./replies.ts";

export interface GroupPlace {
  readonly client: Redis;
  readonly key: string;
  readonly group: string;
  readonly telemetry: Telemetry;
}

/** From the first entry on, and the stream with it where there is none. Asked first: a full server refuses to make even what is there. */
export async function ensureGroup({ client, key, group, telemetry }: GroupPlace): Promise<void> {
  if (await hasGroup(client, { key, group })) return;
  try {
    await client.xgroup("CREATE", key, group, "0", "MKSTREAM");
    telemetry.log.info("the group is new: it reads from the first entry", { stream: key, group });
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("BUSYGROUP"))) throw error;
  }
}

async function hasGroup(
  client: Redis,
  { key, group }: { readonly key: string; readonly group: string },
): Promise<boolean> {
  return ((await readGroups(client, key)) ?? []).some((each) => each.get("name") === group);
}

/** As XINFO GROUPS has them; null where there is no stream. */
export async function readGroups(client: Redis, key: string): Promise<readonly ReadonlyMap<string, unknown>[] | null> {
  const groups = await client.xinfo("GROUPS", key).catch((error: unknown) => {
    if (error instanceof Error && /no such key/i.test(error.message)) return null;
    throw error;
  });
  return groups === null ? null : (groups as unknown[]).map(asMap);
}

/** KEYS[1] stream, ARGV[1] group, then consumers. One with something in hand stays: what it has would be nobody's any more. */
const LEAVE = `
for at = 2, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[at]) == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[at])
  end
end`;

/** Takes consumers that have nothing in hand out of the group: the next one need not wait until they are seen to be away. */
export async function leaveGroup({ client, key, group }: GroupPlace, consumers: readonly string[]): Promise<void> {
  await client.eval(LEAVE, 1, key, group, ...consumers);
}

/** Of the stream, whatever is left of it. */
export async function lastGeneratedId(client: Redis, key: string): Promise<EntryId> {
  const id = asMap(await client.xinfo("STREAM", key)).get("last-generated-id");
  return parseId(typeof id === "string" ? id : "0-0");
}
