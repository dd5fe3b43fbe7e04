/**
 * What a reader of a Redis stream does beside reading, since it has the database: tells how much is unread, and does for an ingester that has
 * no database what that cannot (its gaps, and how far everything has been applied).
 */
import { moveGaps } from "../../lib/checkpoint/redis/gaps.ts";
import type { Settings } from "../../lib/config/processes.ts";
import type { SavedCursor } from "../../lib/core/cursor.ts";
import { parseRelayAddress } from "../../lib/firehose/websocket/relay-address.ts";
import { readAppliedMark } from "../../lib/store/applied-mark.ts";
import { recordGap } from "../../lib/store/gaps.ts";
import type { PostgresStore } from "../../lib/store/postgres-store.ts";
import { readBacklog } from "../../lib/stream/redis/backlog.ts";
import type { RedisClient } from "../../lib/stream/redis/client.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import type { Telemetry } from "../../lib/telemetry/port.ts";
import { repeat } from "../unified/repeat.ts";

export interface StreamHouseOptions {
  readonly settings: Pick<
    Settings<"work">,
    | "RELAY_URL"
    | "REDIS_STREAM_KEY"
    | "REDIS_CONSUMER_GROUP"
    | "REDIS_CURSOR_KEY"
    | "DYNAMODB_TABLE_NAME"
    | "AWS_REGION"
    | "AWS_ENDPOINT_URL_DYNAMODB"
  >;
  readonly client: RedisClient;
  /** All streams of the deployment, whoever reads them. */
  readonly streams: readonly string[];
  readonly pool: PostgresStore["pool"];
  readonly telemetry: Telemetry;
}

/** Alarms look at minutes. */
const LOOK_EVERY_MS = 5_000;
/** What a Redis that lost its memory costs to read again. */
const COPY_EVERY_MS = 5_000;

/** Until disposed of; what fails is tried again the next time. Any number of processes may do it beside one another. */
export function keepStreamHouse(options: StreamHouseOptions): Disposable {
  const { client, pool, settings, telemetry } = options;
  const copy = marksCopier(options);
  const quietly = (what: string, work: () => Promise<unknown>) => async (): Promise<void> => {
    await work().catch((error: unknown) => telemetry.log.debug(what, { error: errorLine(error) }));
  };
  const look = async (): Promise<void> => {
    const backlog = await readBacklog(client, { keys: options.streams, group: settings.REDIS_CONSUMER_GROUP });
    telemetry.gauge("unread_entries", backlog.unread);
    telemetry.gauge("oldest_unhandled_seconds", backlog.oldestSeconds);
  };
  const gaps = (): Promise<number> =>
    moveGaps(client, { cursorKey: settings.REDIS_CURSOR_KEY, record: (gap) => recordGap(pool, gap) });
  const timers = [
    repeat(quietly("the backlog cannot be looked at", look), LOOK_EVERY_MS),
    repeat(quietly("gaps cannot be moved into the database", gaps), COPY_EVERY_MS),
    ...(copy === null ? [] : [repeat(copy, COPY_EVERY_MS)]),
  ];
  return {
    [Symbol.dispose]() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}

/** Null where nobody reads it. Each kind of failure is told once, until it works again. */
function marksCopier({ settings, pool, telemetry }: StreamHouseOptions): (() => Promise<void>) | null {
  const { DYNAMODB_TABLE_NAME: tableName, AWS_REGION: region, AWS_ENDPOINT_URL_DYNAMODB: endpoint } = settings;
  if (tableName === null) return null;
  const hosts = settings.RELAY_URL.map((relay) => parseRelayAddress(relay).host);
  let written = "";
  let trouble: string | null = null;
  return async () => {
    try {
      const marks = (await Promise.all(hosts.map((host) => readAppliedMark(pool, host)))).filter(isMark);
      const text = JSON.stringify(marks);
      // Also that there are none: an ingester on its first start waits to hear it.
      if (text === written) return;
      await writeMarks(marks, { tableName, region, endpoint, name: settings.REDIS_STREAM_KEY });
      written = text;
      trouble = null;
    } catch (error) {
      const line = errorLine(error);
      if (line !== trouble) telemetry.log.warn("how far all is applied cannot be copied to the table", { error: line });
      trouble = line;
    }
  };
}

function isMark(mark: SavedCursor | null): mark is SavedCursor {
  return mark !== null;
}

interface MarksTable {
  readonly tableName: string;
  readonly region: string | null;
  readonly endpoint: string | null;
  readonly name: string;
}

async function writeMarks(marks: readonly SavedCursor[], { tableName, name, ...place }: MarksTable): Promise<void> {
  // Its client takes a quarter of a second to load, which only deployments on AWS have to pay for.
  const { createDynamoClient } = await import("../../lib/checkpoint/dynamodb/client.ts");
  const { createAppliedMarks } = await import("../../lib/checkpoint/dynamodb/applied-marks.ts");
  const client = createDynamoClient(place);
  try {
    await createAppliedMarks({ client, tableName, name }).write(marks);
  } finally {
    client.destroy();
  }
}
