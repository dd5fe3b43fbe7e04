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
  const groups = await client.xinfo("GROUPS", key).catch((error: unknown) => {
    if (error instanceof Error && /no such key/i.test(error.message)) return [];
    throw error;
  });
  return (groups as unknown[]).some((each) => asMap(each).get("name") === group);
}

/** Of the stream, whatever is left of it. */
export async function lastGeneratedId(client: Redis, key: string): Promise<EntryId> {
  const id = asMap(await client.xinfo("STREAM", key)).get("last-generated-id");
  return parseId(typeof id === "string" ? id : "0-0");
}
