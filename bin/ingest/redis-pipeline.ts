/** Relay → cuts → Redis, entries and cursor together, put together. */
import { createRedisCheckpoint, type RedisCheckpoint } from "../../lib/checkpoint/redis/checkpoint.ts";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import type { Settings } from "../../lib/config/processes.ts";
import type { RedisSettings } from "../../lib/config/redis-settings.ts";
import { compileCollectionFilter } from "../../lib/core/collection-filter.ts";
import type { Gap, SavedCursor } from "../../lib/core/cursor.ts";
import type { FirehoseEvent } from "../../lib/core/event.ts";
import { MAX_SEAL_BYTES } from "../../lib/core/pack.ts";
import type { CursorReader } from "../../lib/firehose/port.ts";
import { parseRelayAddress } from "../../lib/firehose/websocket/relay-address.ts";
import { settingsWithWaits } from "../../lib/firehose/websocket/settings.ts";
import { createWebsocketSource } from "../../lib/firehose/websocket/source.ts";
import { type CutBuilder, EntryCutBuilder, PackCutBuilder } from "../../lib/ingest/cut-builder.ts";
import { createCutIngest } from "../../lib/ingest/cut-ingest.ts";
import type { Ingest } from "../../lib/ingest/ingest.ts";
import { readAppliedMark } from "../../lib/store/applied-mark.ts";
import { recordGap } from "../../lib/store/gaps.ts";
import { createPool } from "../../lib/store/postgres-store.ts";
import { createRedisClient, type RedisClient } from "../../lib/stream/redis/client.ts";
import { createDashboard, type Dashboard } from "../../lib/stream/redis/dashboard.ts";
import { type EntryForm, establishedForm, packForm, streamKeys } from "../../lib/stream/redis/entry-form.ts";
import { explainRedis } from "../../lib/stream/redis/errors.ts";
import { StreamRoom } from "../../lib/stream/redis/keep-room.ts";
import { redisWaits } from "../../lib/stream/redis/waits.ts";
import { createRedisWriter } from "../../lib/stream/redis/writer.ts";
import { explainDatabaseError } from "../database-trouble.ts";
import { isWrongUse } from "../exit-codes.ts";
import type { FirstPlace } from "../options.ts";
import type { LongLivedProcess } from "../unified/process.ts";
import { firstCursors, withFirstCursors } from "./first-cursors.ts";
import type { IngestPipeline } from "./run-ingest.ts";
import { savedCursors } from "./saved-cursors.ts";
import { whenAnswering as whenServicesAnswer } from "./when-answering.ts";

export interface RedisPipelineOptions {
  readonly surroundings: LongLivedProcess;
  readonly settings: Settings<"ingest">;
  readonly redis: RedisSettings;
  /** Where reading begins while no cursor is known; null where nobody has said. */
  readonly from: FirstPlace | null;
  readonly stop: AbortSignal;
}

/** What a consumer takes in one transaction. */
const CUT_EVENTS = 500;

type Database = ReturnType<typeof createPool>;

/** The parts around the ingest, which both forms share. */
interface Parts {
  readonly options: RedisPipelineOptions;
  readonly client: RedisClient;
  readonly checkpoint: RedisCheckpoint;
  readonly database: Database | null;
  readonly resources: AsyncDisposableStack;
}

/** Takes over the cursor. Rejects with what a person has to mend, and with the reason of `stop`. */
export async function openRedisPipeline(options: RedisPipelineOptions): Promise<IngestPipeline> {
  const { surroundings, settings, redis } = options;
  const { telemetry, vitals, waitShare } = surroundings;
  if (settings.REDIS_TRIM === "maxlen" && redis.format === "packs") {
    throw new ConfigurationError(
      "REDIS_TRIM=maxlen: counts entries, and with REDIS_FORMAT=packs an entry is many events: must be handled",
    );
  }
  await using resources = new AsyncDisposableStack();
  const client = createRedisClient({
    url: redis.url,
    name: "standpipe-ingest",
    waits: redisWaits(waitShare),
    onTrouble: (trouble) => {
      vitals.connectTrouble = trouble;
    },
  });
  resources.defer(() => client.disconnect());
  const database = openDatabase(settings, resources);
  const checkpoint = createRedisCheckpoint({
    client,
    cursorKey: settings.REDIS_CURSOR_KEY,
    firstRelay: parseRelayAddress(settings.RELAY_URL[0] ?? "").host,
    holdsLanes: redis.format === "packs",
  });
  const parts: Parts = { options, client, checkpoint, database, resources };
  const cursors = patient(await whenAnswering(() => chooseCursors(parts), options), options);
  const { fence } = await whenAnswering(() => acquire(parts), options);
  const dashboard = redis.format === "events" ? resources.use(openDashboard(parts)) : null;
  const ingest = await openIngest(parts, fence, (event) => dashboard?.event(event));
  const source = createWebsocketSource({
    relays: settings.RELAY_URL,
    cursors,
    telemetry,
    settings: settingsWithWaits(waitShare),
  });
  vitals.savedCursors = await savedCursors(cursors, settings.RELAY_URL);
  vitals.source = () => source.state();
  vitals.ingest = () => ingest.state();
  const owned = resources.move();
  const failed = ingest.failed.then((fault) => Promise.reject(fault));
  // Whoever looks at it later still sees the rejection; nobody may have to.
  failed.catch(() => undefined);
  return {
    read: (signal) => source.run(ingest, signal),
    failed,
    drain: (signal) => ingest.drain(signal),
    async [Symbol.asyncDispose]() {
      vitals.source = null;
      vitals.ingest = null;
      await owned.disposeAsync();
    },
  };
}

/** A server that is full refuses this write too: what has been handled makes room for it. */
async function acquire({ client, checkpoint, options }: Parts): Promise<{ readonly fence: number }> {
  const { redis, settings, surroundings } = options;
  try {
    return await checkpoint.acquire({ lanes: settings.LANES });
  } catch (error) {
    if (!(error instanceof Error && error.message.includes("OOM"))) throw error;
    await openRoom({ client, options }, streamKeys(redis, settings.LANES)).look();
    surroundings.telemetry.log.debug("the server is full; what has been handled was trimmed");
    throw error;
  }
}

function openRoom({ client, options }: Pick<Parts, "client" | "options">, keys: readonly string[]): StreamRoom {
  const { redis, settings, surroundings } = options;
  return new StreamRoom({
    client,
    keys,
    group: redis.group,
    protectsAllGroups: settings.REDIS_PROTECT_GROUPS === "all",
    maxEvents: redis.maxEvents,
    measure: redis.format === "packs" ? "packs" : "entries",
    telemetry: surroundings.telemetry,
  });
}

function openDatabase({ DATABASE_URL }: Settings<"ingest">, resources: AsyncDisposableStack): Database | null {
  if (DATABASE_URL === null) return null;
  const pool = createPool({ connectionString: DATABASE_URL, poolSize: 1 });
  pool.on("error", () => undefined);
  resources.defer(() => pool.end());
  return pool;
}

/** A source that reconnects while Redis is away waits for its cursor. */
function patient(cursors: CursorReader, options: RedisPipelineOptions): CursorReader {
  return {
    load: (relay) => whenAnswering(() => cursors.load(relay), options),
    lastDurableTimeMs: () => whenAnswering(() => cursors.lastDurableTimeMs(), options),
  };
}

/** The cursors in Redis; where it knows none, what the database or a person says. */
async function chooseCursors(parts: Parts): Promise<CursorReader> {
  const { options, checkpoint } = parts;
  if (await checkpoint.isKnown()) {
    const { from, settings, surroundings } = options;
    const cursorKey = settings.REDIS_CURSOR_KEY;
    if (from !== null) surroundings.telemetry.log.info("Redis has a cursor: --from is not needed", { cursorKey, from });
    return checkpoint;
  }
  const first = await firstCursors({
    relays: options.settings.RELAY_URL,
    cursorKey: options.settings.REDIS_CURSOR_KEY,
    appliedMark: marksOf(parts),
    from: options.from,
    recordGap: (gap) => recordWhenPossible(gap, parts),
    log: options.surroundings.telemetry.log,
  });
  return withFirstCursors(checkpoint, first);
}

/** Null where nobody knows. */
function marksOf({ database, options }: Parts): ((relay: string) => Promise<SavedCursor | null>) | null {
  if (database !== null) return (relay) => appliedMark(database, relay);
  const { DYNAMODB_TABLE_NAME: tableName, AWS_REGION: region, AWS_ENDPOINT_URL_DYNAMODB: endpoint } = options.settings;
  if (tableName === null) return null;
  return async (relay) => {
    // Its client takes a quarter of a second to load, which only deployments on AWS have to pay for.
    const { readMarkInTable } = await import("./applied-marks.ts");
    return readMarkInTable(relay, { tableName, name: options.redis.streamKey, region, endpoint });
  };
}

/** A database that nobody has migrated yet has applied nothing. */
async function appliedMark(database: Database, relay: string) {
  const { rows } = await database.query<{ exists: boolean }>(
    "SELECT to_regprocedure('standpipe.applied_mark(text)') IS NOT NULL AS exists",
  );
  return rows[0]?.exists === true ? readAppliedMark(database, relay) : null;
}

function openIngest(parts: Parts, fence: number, onEvent: (event: FirehoseEvent) => void): Promise<Ingest> {
  const { client, options } = parts;
  const { redis, settings } = options;
  const limits = { maxEvents: CUT_EVENTS, maxBytes: MAX_SEAL_BYTES };
  switch (redis.format) {
    case "events":
      return startIngest(parts, {
        fence,
        builder: new EntryCutBuilder(limits),
        form: establishedForm(redis.streamKey),
        onEvent,
      });
    case "packs": {
      const place = { key: redis.streamKey, lanes: settings.LANES };
      return whenAnswering(() => packForm(client, place), options).then((form) =>
        startIngest(parts, { fence, builder: new PackCutBuilder(settings.LANES, limits), form, onEvent }),
      );
    }
  }
}

interface FormParts<Item> {
  readonly fence: number;
  readonly builder: CutBuilder<Item>;
  readonly form: EntryForm<Item>;
  readonly onEvent: (event: FirehoseEvent) => void;
}

function startIngest<Item>(parts: Parts, { form, ...how }: FormParts<Item>): Promise<Ingest> {
  const { checkpoint, options, resources } = parts;
  const { redis, settings, surroundings } = options;
  const { telemetry, vitals, waitShare } = surroundings;
  const room = openRoom(parts, form.keys);
  const writer = resources.use(
    createRedisWriter({
      ledger: checkpoint,
      form,
      room,
      maxLength: settings.REDIS_TRIM === "maxlen" ? redis.maxEvents : null,
      waits: redisWaits(waitShare),
      telemetry,
      random: Math.random,
      onTrouble: (trouble) => {
        vitals.writeTrouble = trouble;
      },
    }),
  );
  const ingest = createCutIngest({
    ...how,
    writer,
    checkpoint,
    recordGap: (gap) => recordWhenPossible(gap, parts),
    keepsCollection: compileCollectionFilter(settings.COLLECTIONS),
    maxAgeMs: redis.format === "packs" ? settings.FLUSH_AFTER_MS : ENTRY_AGE_MS,
    maxInFlightBytes: settings.MAX_IN_FLIGHT_MB * 1e6,
    telemetry,
    nowMs: Date.now,
  });
  resources.use(ingest);
  return Promise.resolve(ingest);
}

/** Entries wait for nothing but their neighbours in one read of the socket: whoever waits for them is a person's worker. */
const ENTRY_AGE_MS = 5;

function openDashboard({ client, options }: Parts): Dashboard {
  const { surroundings, settings } = options;
  const { vitals, telemetry } = surroundings;
  const urls = new Map(settings.RELAY_URL.map((url) => [parseRelayAddress(url).host, url]));
  return createDashboard({
    client,
    url: () => urls.get(vitals.source?.().relay ?? "") ?? settings.RELAY_URL[0] ?? "",
    state: () => ({
      connected: vitals.source?.().connected ?? false,
      cursor: vitals.ingest?.().cursor ?? null,
    }),
    log: telemetry.log,
  });
}

/** A gap is told before reading goes on behind it: with the ledger away, reading waits. */
function recordWhenPossible(gap: Gap, { checkpoint, database, options }: Parts): Promise<void> {
  return whenAnswering(async () => {
    await (database === null ? checkpoint.recordGap(gap) : recordGap(database, gap));
    options.surroundings.telemetry.log.warn("a span of the stream may be missing", {
      reason: gap.reason,
      relay: gap.relay,
      afterSeq: gap.afterSeq,
      beforeSeq: gap.beforeSeq,
      detail: gap.detail,
    });
  }, options);
}

/** What Redis or the database does not do now it may do later; only what a person has to mend ends the trying. */
function whenAnswering<Result>(work: () => Promise<Result>, options: RedisPipelineOptions): Promise<Result> {
  const explained = () =>
    work().catch((error: unknown) => {
      throw explainRedis(explainDatabaseError(error));
    });
  return whenServicesAnswer(explained, {
    ...options,
    who: "Redis or the database",
    worthRetrying: (error) => !isWrongUse(error),
  });
}
