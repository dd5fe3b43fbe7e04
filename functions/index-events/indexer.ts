/** What lives as long as the instance of the function: login, connections, S3, numbers. Made outside the handler, and used by every invocation. */
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { databaseLoginOptions } from "../../lib/config/database-login.ts";
import type { Settings } from "../../lib/config/processes.ts";
import { type ConsumeOptions, consume } from "../../lib/consume/consume.ts";
import { keepLetter } from "../../lib/consume/keep-letter.ts";
import { compileCollectionFilter } from "../../lib/core/collection-filter.ts";
import { recordLetter } from "../../lib/core/dead-letter.ts";
import { createDatabaseLogin, type DatabaseLogin, isRefusedLogin } from "../../lib/credentials/database-login.ts";
import { recordGap } from "../../lib/store/gaps.ts";
import { StoreError } from "../../lib/store/port.ts";
import { isCutStatement } from "../../lib/store/postgres-errors.ts";
import { createPostgresStore, type PostgresStore } from "../../lib/store/postgres-store.ts";
import { createS3Client } from "../../lib/stream/kinesis/client.ts";
import { fetchLargePack } from "../../lib/stream/kinesis/large-packs.ts";
import type { Telemetry } from "../../lib/telemetry/port.ts";
import { DeploymentError } from "./errors.ts";
import { createKeepHouse, type KeepHouse } from "./keep-house.ts";
import type { GapItem, ReferenceItem, UnreadableItem } from "./read-items.ts";
import type { Worker } from "./work-items.ts";

export interface IndexerOptions {
  readonly settings: Settings<"index-events">;
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
  /** Shorter only in tests, which cannot wait so long. */
  readonly statementLimitMs?: number | undefined;
}

export interface Indexer extends Worker, AsyncDisposable {
  /** Connects before the first batch needs it. Never rejects: the batch will say what is wrong. */
  warmUp(): Promise<void>;
  /** Opens the tombstones' days to come and drops those older than TOMBSTONE_DAYS, once an hour. */
  readonly keepHouse: KeepHouse;
}

/** What was cut holds the locks of its lane until the server notices, and the halves of it wait. Milliseconds, ours. */
const NOTICE_CUT_AFTER_MS = 250;

/**
 * Below the function's minute: what the function cuts may live on behind the proxy, with the locks of its lane, until the database ends
 * it. Milliseconds.
 */
const STATEMENT_LIMIT_MS = 45_000;

/** S3 is away, throttles or does not answer: passes, like a database that does. */
class FetchError extends Error {
  override readonly name = "FetchError";
}

/** Of the settings' own maximum: an instance works one batch at a time, and all instances share the database's connections. */
const MOST_CONNECTIONS = 2;

/** @throws ConfigurationError or CredentialsError where the settings lack something or contradict one another. */
export function createIndexer(options: IndexerOptions): Indexer {
  const { settings, telemetry, nowMs } = options;
  const database = new Database(options);
  const keepsCollection = compileCollectionFilter(settings.COLLECTIONS);
  const consumeOptions = (store: PostgresStore): ConsumeOptions => ({ store, telemetry, nowMs, keepsCollection });
  const keep = (item: UnreadableItem): Promise<void> =>
    database.use((store) => keepUnreadable(item, consumeOptions(store)));
  const s3 = createS3Client({ region: settings.AWS_REGION, endpoint: settings.AWS_ENDPOINT_URL_S3 });
  return {
    consume: (packs, { oneByOne }) => database.use((store) => consume(packs, { ...consumeOptions(store), oneByOne })),
    async workOther(item) {
      if (item.kind === "unreadable") return keep(item);
      if (item.kind === "gap") return database.use((store) => keepGap(item, { store, telemetry }));
      const fetched = await fetchReferenced(item, { client: s3, bucket: settings.LARGE_PACKS_BUCKET });
      if (fetched.ok) return database.use((store) => consume([fetched.pack], consumeOptions(store)));
      const { header } = item.reference;
      await keep({ ...item, kind: "unreadable", header, lane: header.lane, detail: fetched.reason });
    },
    cut: () => database.cut(),
    abandon: () => database.abandon(),
    isTransient: (error) => (error instanceof StoreError && error.kind === "transient") || error instanceof FetchError,
    isTooLong: isCutStatement,
    warmUp: () => database.warmUp(),
    keepHouse: createKeepHouse({
      keepDays: settings.TOMBSTONE_DAYS,
      use: (work) => database.use(work),
      nowMs,
      telemetry,
    }),
    async [Symbol.asyncDispose]() {
      s3.destroy();
      await database[Symbol.asyncDispose]();
    },
  };
}

async function fetchReferenced(
  { reference }: ReferenceItem,
  { client, bucket }: { readonly client: ReturnType<typeof createS3Client>; readonly bucket: string | null },
): Promise<Awaited<ReturnType<typeof fetchLargePack>>> {
  if (bucket === null) {
    throw new DeploymentError(
      "LARGE_PACKS_BUCKET is not set: a record refers to a pack in S3: must be the bucket that the ingester writes to",
    );
  }
  try {
    return await fetchLargePack(reference, { client, bucket });
  } catch (cause) {
    throw new FetchError(
      `${reference.key} could not be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  }
}

/** The same gap again is the same row. The ingester has counted it. */
async function keepGap(
  { gap }: GapItem,
  { store, telemetry }: { readonly store: PostgresStore; readonly telemetry: Telemetry },
): Promise<void> {
  await recordGap(store.pool, gap);
  telemetry.log.warn("a span of the stream may be missing", {
    reason: gap.reason,
    relay: gap.relay,
    afterSeq: gap.afterSeq,
    beforeSeq: gap.beforeSeq,
    detail: gap.detail,
  });
}

/** Where its place is known, its lane goes on behind it, as with any pack that cannot be read. */
async function keepUnreadable(item: UnreadableItem, options: ConsumeOptions): Promise<void> {
  const { bytes, detail, header, lane } = item;
  const packs =
    header === null
      ? []
      : [{ ...header, relayId: await options.store.relayId(header.relay, header.epoch), timeMs: null, source: null }];
  const letter = recordLetter(bytes, header, { reason: "unreadable-pack", detail });
  await keepLetter(letter, { ...options, packs, countLane: lane });
  options.telemetry.log.error("a record could not be read and is kept as a dead letter", {
    lane,
    sequenceNumber: item.sequenceNumber,
    error: detail,
  });
}

/** The store, opened when it is needed and anew when its login is refused or its connections hang. */
class Database implements AsyncDisposable {
  readonly #options: IndexerOptions;
  readonly #address: string;
  readonly #login: DatabaseLogin;
  #opened: Promise<PostgresStore> | null = null;
  #store: PostgresStore | null = null;

  constructor(options: IndexerOptions) {
    const { settings, nowMs } = options;
    const address = settings.DATABASE_URL;
    if (address === null) {
      throw new ConfigurationError(
        "DATABASE_URL is not set: must be an address such as postgres://user@host:5432/database",
      );
    }
    this.#options = options;
    this.#address = address;
    this.#login = createDatabaseLogin({
      address,
      ...databaseLoginOptions(settings),
      nowMs,
    });
  }

  /** Where the database refuses the login, once more with what is asked anew: it may have been rotated. */
  async use<Result>(work: (store: PostgresStore) => Promise<Result>): Promise<Result> {
    const store = await this.#open();
    try {
      return await work(store);
    } catch (error) {
      if (!isRefusedLogin(error) || !this.#login.forget()) throw error;
      this.#options.telemetry.log.warn("the database refuses the login; asking for it anew");
      // Work that was given up must not close what its successor has opened.
      if (this.#store === store) this.abandon();
      return await work(await this.#open());
    }
  }

  cut(): void {
    this.#store?.cut();
  }

  /** Its connections go when they can; nothing waits for them. */
  abandon(): void {
    const store = this.#store;
    this.#opened = null;
    this.#store = null;
    store?.cut();
    void Promise.resolve(store?.[Symbol.asyncDispose]()).catch(() => undefined);
  }

  async warmUp(): Promise<void> {
    await this.#open()
      .then((store) => store.pool.query("SELECT 1"))
      .catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store?.[Symbol.asyncDispose]();
  }

  #open(): Promise<PostgresStore> {
    if (this.#opened !== null) return this.#opened;
    const opening = this.#create();
    this.#opened = opening;
    opening.catch(() => {
      if (this.#opened === opening) this.#opened = null;
    });
    return opening;
  }

  async #create(): Promise<PostgresStore> {
    const { settings, telemetry, statementLimitMs = STATEMENT_LIMIT_MS } = this.#options;
    const login = await this.#login.open();
    const store = createPostgresStore({
      connectionString: this.#address,
      login,
      poolSize: Math.min(settings.DB_POOL_SIZE, MOST_CONNECTIONS),
      log: telemetry.log,
      noticeCutAfterMs: NOTICE_CUT_AFTER_MS,
      statementLimitMs,
    });
    this.#store = store;
    return store;
  }
}
