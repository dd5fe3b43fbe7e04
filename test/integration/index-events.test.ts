/** The function between stream and rows: events as Lambda makes them, into real Postgres. */
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createHandler, type IndexEvents } from "../../functions/index-events/create-handler.ts";
import { type Environment, readSettings } from "../../lib/config/read-settings.ts";
import { keepLetter } from "../../lib/consume/keep-letter.ts";
import { recordLetter } from "../../lib/core/dead-letter.ts";
import { encodePack, type Pack } from "../../lib/core/pack.ts";
import { PackBuilder } from "../../lib/core/pack-builder.ts";
import { usageAt } from "../../lib/infra/cost/usage.ts";
import { createS3Client } from "../../lib/stream/kinesis/client.ts";
import { createLargePackStore } from "../../lib/stream/kinesis/large-packs.ts";
import { encodePackReference } from "../../lib/stream/kinesis/pack-reference.ts";
import { Account, LIKE, likeOf, POST } from "../support/account.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { invocation, kinesisEvent, type RecordSource, sequenceNumberAt } from "../support/kinesis-events.ts";
import { LANES, RELAY } from "../support/recorded-packs.ts";
import { retryAll } from "../support/retry-all.ts";
import { startS3Server } from "../support/s3-server.ts";
import { SECRET_ID, startSecretsServer } from "../support/secrets-server.ts";
import { createTestConsumer } from "../support/test-consumer.ts";

const LIKES = "SELECT rkey FROM likes ORDER BY rkey";
const LETTERS = "SELECT reason, scope, state, relay, bytes FROM standpipe.dead_letter ORDER BY id";
const KEYS = ["3l3qo2vutaa2b", "3l3qo2vutbb2b", "3l3qo2vutcc2b", "3l3qo2vutdd2b"] as const;
/** Its packs are numbered on, whatever account they are of. */
let nextNumber = 1;

let database: TestDatabase;
let client: Client;
/** How far the function's clock is ahead. */
let aheadMs: number;
const metrics: string[] = [];
const lines: string[] = [];

beforeEach(async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  metrics.length = 0;
  lines.length = 0;
  nextNumber = 1;
  aheadMs = 0;
  database = await createTestDatabase();
  client = new Client({ connectionString: database.connectionString });
  await client.connect();
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await client.end();
  await database.drop();
});

function startFunction(environment: Environment = {}, limits: { statementLimitMs?: number } = {}): IndexEvents {
  const settings = readSettings("index-events", {
    DATABASE_URL: database.connectionString,
    DB_POOL_SIZE: "1",
    EMF_NAMESPACE: "Standpipe",
    ...environment,
  });
  const writeMetrics = (line: string): void => void metrics.push(line);
  const writeLog = (line: string): void => void lines.push(line);
  return createHandler({ settings, nowMs: () => Date.now() + aheadMs, writeMetrics, writeLog, ...limits });
}

function packOf(
  event: ReturnType<Account["commit"]>,
  place: { readonly lane?: number; readonly lanes?: number } = {},
): Pack {
  const builder = new PackBuilder();
  builder.append(event);
  const { lane = 0, lanes = LANES } = place;
  return builder.seal({ lane, lanes, relay: RELAY, epoch: 1, fence: 1, number: nextNumber++ });
}

/** One like a pack, of one account. */
function likePacks(keys: readonly string[] = KEYS, account = new Account("indexed")): Pack[] {
  return keys.map((rkey) => packOf(account.commit({ action: "create", rkey, record: likeOf("3l3qo2vuu2s2b") })));
}

async function rows(query: string): Promise<readonly Record<string, unknown>[]> {
  return (await client.query<Record<string, unknown>>(query)).rows;
}

const rkeys = async (): Promise<readonly unknown[]> => (await rows(LIKES)).map(({ rkey }) => rkey);

const all = { batchItemFailures: [] };
const from = (index: number) => ({ batchItemFailures: [{ itemIdentifier: sequenceNumberAt(index) }] });

function handle(indexEvents: IndexEvents, ...sources: readonly RecordSource[]) {
  return indexEvents.handle(kinesisEvent(sources), invocation());
}

/** START, END and REPORT with a request id of 36 characters and all the fields of REPORT. */
const LAMBDAS_OWN_LOG_BYTES = 80 + 50 + 200;

describe("index-events", () => {
  test("applies packs in order, and a batch that comes again changes nothing", async () => {
    await using indexEvents = startFunction({ BATCH_SIZE: "2" });
    const account = new Account("ordered");
    const packs = likePacks(KEYS, account);
    const gone = packOf(account.commit({ action: "delete", rkey: KEYS[1] }));
    expect(await handle(indexEvents, ...packs, gone)).toEqual(all);
    const left = [KEYS[0], KEYS[2], KEYS[3]];
    expect(await rkeys()).toEqual(left);
    const counts = await rows("SELECT * FROM post_counts");
    const place = await rows("SELECT number, fence FROM standpipe.lane WHERE lane = 0");
    expect(place).toEqual([{ number: "5", fence: "1" }]);
    expect(await handle(indexEvents, ...packs, gone)).toEqual(all);
    expect(await handle(indexEvents, ...packs.slice(1, 3))).toEqual(all);
    expect(await rkeys()).toEqual(left);
    expect(await rows("SELECT * FROM post_counts")).toEqual(counts);
    expect(await rows("SELECT number, fence FROM standpipe.lane WHERE lane = 0")).toEqual(place);
    expect(await rows("SELECT * FROM gaps")).toEqual([]);
    expect(await rows("SELECT * FROM standpipe.mark")).toEqual([]);
  });

  test("tells its numbers once an invocation, under the alarms' dimensions", async () => {
    await using indexEvents = startFunction();
    const packs = likePacks();
    await handle(indexEvents, ...packs);
    await handle(indexEvents, ...packs);
    expect(metrics).toHaveLength(2);
    const [first, second] = metrics.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).toMatchObject({
      command: "index-events",
      applied_events_total: 4,
      _aws: { CloudWatchMetrics: [{ Namespace: "Standpipe", Dimensions: [["command"]] }] },
    });
    // With what Lambda writes itself about each invocation: what the bill counts with.
    expect((metrics[0]?.length ?? 0) + LAMBDAS_OWN_LOG_BYTES).toBeLessThan(usageAt(500).logBytesPerInvocation);
    expect(second).toMatchObject({ applied_events_total: 0, repeated_events_total: 4, repeated_packs_total: 4 });
  });

  test("keeps what is no pack as a dead letter, once, and applies its neighbours", async () => {
    await using indexEvents = startFunction();
    const [first, second, third] = likePacks() as [Pack, Pack, Pack];
    const poison = Buffer.from("this is no pack");
    // Its header can be read, and nothing of its body.
    const damaged: Pack = { header: second.header, body: new Uint8Array(second.body.length).fill(0xff) };
    for (let delivery = 1; delivery <= 2; delivery += 1) {
      expect(await handle(indexEvents, first, poison, encodePack(damaged), third)).toEqual(all);
      expect(await rkeys()).toEqual([KEYS[0], KEYS[2]]);
      const letters = await rows(LETTERS);
      expect(letters).toMatchObject([
        { reason: "unreadable-pack", scope: "pack", state: "open", relay: "", bytes: poison },
        { reason: "unreadable-pack", scope: "pack", state: "open" },
      ]);
    }
    expect(await rows("SELECT number FROM standpipe.lane WHERE lane = 0")).toEqual([{ number: "3" }]);
  });

  test("lets a record be retried by a program that can read it, under the relay that its pack names", async () => {
    await using consumer = await createTestConsumer();
    const { store, telemetry, options } = consumer;
    const letter = recordLetter(encodePack(likePacks([KEYS[0]])[0] as Pack), null, {
      reason: "unreadable-pack",
      detail: "unknown-version at byte 4",
    });
    await keepLetter(letter, { store, telemetry, nowMs: options.nowMs, packs: [], countLane: 0 });
    expect(await retryAll(consumer)).toEqual([{ state: "closed" }]);
    expect((await store.pool.query("SELECT rkey FROM likes")).rows).toEqual([{ rkey: KEYS[0] }]);
    expect((await store.pool.query("SELECT host FROM standpipe.relay")).rows).toEqual([{ host: RELAY }]);
  });

  test("asks for a retry from the first record that the database does not take, and for nothing before it", async () => {
    await using indexEvents = startFunction({ BATCH_SIZE: "1" });
    const account = new Account("retried");
    const like = likePacks([KEYS[0]], account)[0] as Pack;
    const repost = packOf(
      account.commit({ action: "create", collection: "app.bsky.feed.repost", rkey: KEYS[1], record: repostOf() }),
    );
    const after = likePacks([KEYS[2]], account)[0] as Pack;
    await client.query("ALTER TABLE standpipe.repost RENAME TO away");
    expect(await handle(indexEvents, like, repost, after)).toEqual(from(1));
    expect(await rkeys()).toEqual([KEYS[0]]);
    expect(await rows(LETTERS)).toEqual([]);
    expect(JSON.parse(metrics[0] ?? "")).toMatchObject({ batch_retries_total: 1 });
    await client.query("ALTER TABLE standpipe.away RENAME TO repost");
    expect(await handle(indexEvents, repost, after)).toEqual(all);
    expect(await rkeys()).toEqual([KEYS[0], KEYS[2]]);
    expect(await rows("SELECT rkey FROM reposts")).toEqual([{ rkey: KEYS[1] }]);
  });

  test("asks for all of it while the database is away, and works when it is back", async () => {
    await using indexEvents = startFunction();
    await client.query("SELECT 1");
    const packs = likePacks();
    await using away = startFunction({ DATABASE_URL: "postgres://nobody@127.0.0.1:9/none" });
    expect(await handle(away, ...packs)).toEqual(from(0));
    expect(await handle(indexEvents, ...packs)).toEqual(all);
    expect(await rkeys()).toEqual(KEYS);
  });

  test("stops before its deadline while a lock holds it up, gives back the rest, and kills nothing with it", async () => {
    await using indexEvents = startFunction({ BATCH_SIZE: "1" });
    const packs = likePacks();
    await client.query("BEGIN; LOCK TABLE standpipe.lane IN ACCESS EXCLUSIVE MODE");
    const context = invocation(11_500);
    expect(await indexEvents.handle(kinesisEvent(packs), context)).toEqual(from(0));
    expect(context.getRemainingTimeInMillis()).toBeGreaterThan(8_000);
    await client.query("ROLLBACK");
    expect(JSON.parse(metrics[0] ?? "")).toMatchObject({ batch_retries_total_by_reason: { deadline: 1 } });
    // However often: a stop is no death, and nothing becomes a dead letter.
    expect(await rows("SELECT max(deaths) AS deaths FROM standpipe.mark WHERE deaths > 0")).toEqual([{ deaths: null }]);
    expect(await handle(indexEvents, ...packs)).toEqual(all);
    expect(await rkeys()).toEqual(KEYS);
    expect(await rows(LETTERS)).toEqual([]);
  }, 20_000);

  test("works a pack that does not fit event by event: what was done before the stop is done", async () => {
    await using indexEvents = startFunction();
    const account = new Account("stepwise");
    const builder = new PackBuilder();
    builder.append(account.commit({ action: "create", rkey: KEYS[0], record: likeOf("3l3qo2vuu2s2b") }));
    builder.append(
      account.commit({ action: "create", collection: "app.bsky.feed.repost", rkey: KEYS[1], record: repostOf() }),
    );
    builder.append(account.commit({ action: "create", rkey: KEYS[2], record: likeOf("3l3qo2vuu2s2b") }));
    const pack = builder.seal({ lane: 0, lanes: LANES, relay: RELAY, epoch: 1, fence: 1, number: 1 });
    await client.query("BEGIN; LOCK TABLE standpipe.repost IN ACCESS EXCLUSIVE MODE");
    // Again and again: being stopped is no death, also not of a single event.
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      expect(await indexEvents.handle(kinesisEvent([pack]), invocation(14_000))).toEqual(from(0));
    }
    await client.query("ROLLBACK");
    expect(await rkeys()).toEqual([KEYS[0]]);
    expect(await handle(indexEvents, pack)).toEqual(all);
    expect(await rkeys()).toEqual([KEYS[0], KEYS[2]]);
    expect(await rows("SELECT rkey FROM reposts")).toEqual([{ rkey: KEYS[1] }]);
    expect(await rows(LETTERS)).toEqual([]);
    expect(await rows("SELECT * FROM standpipe.mark")).toEqual([]);
  }, 20_000);

  test("leaves out collections that are not wanted, and moves their repo on", async () => {
    await using indexEvents = startFunction({ COLLECTIONS: "app.bsky.feed.like" });
    const account = new Account("filtered");
    const both = packOf(
      account.commit(
        { action: "create", rkey: KEYS[0], record: likeOf("3l3qo2vuu2s2b") },
        { action: "create", collection: POST, rkey: KEYS[1], record: postOf("left out") },
      ),
    );
    const lookalike = packOf(
      account.commit({ action: "create", collection: `${LIKE}s`, rkey: KEYS[2], record: { $type: `${LIKE}s` } }),
    );
    expect(await handle(indexEvents, both, lookalike)).toEqual(all);
    expect(await rows("SELECT collection, rkey FROM records")).toEqual([{ collection: LIKE, rkey: KEYS[0] }]);
    expect(await rows("SELECT rev FROM standpipe.repo")).toEqual([{ rev: String(account.rev) }]);
    expect(JSON.parse(metrics[0] ?? "")).toMatchObject({ filtered_ops_total: 2, applied_events_total: 2 });
  });

  test("fails loudly where the packs have another number of lanes, before anything is worked", async () => {
    await using indexEvents = startFunction();
    const [first] = likePacks();
    const other = packOf(new Account("other").commit({ action: "delete", rkey: KEYS[0] }), { lanes: 4 });
    await expect(handle(indexEvents, first as Pack, other)).rejects.toThrow(/^LANES=8: record .* LANES=4: set both/);
    expect(await rkeys()).toEqual([]);
    expect(metrics).toHaveLength(1);
  });

  test("fails loudly where its time-out leaves no time to work in", async () => {
    await using indexEvents = startFunction();
    await expect(indexEvents.handle(kinesisEvent(likePacks()), invocation(10_000))).rejects.toThrow(
      /give the function a longer time-out/,
    );
  });

  test("fetches large packs from the bucket, waits for it, and keeps what is gone from it", async () => {
    await using s3 = await startS3Server({ mayList: true });
    const bucket = "large-packs-bucket";
    const store = createLargePackStore({ client: createS3Client({ region: null, endpoint: s3.endpoint }), bucket });
    await using indexEvents = startFunction({ LARGE_PACKS_BUCKET: bucket, AWS_ENDPOINT_URL_S3: s3.endpoint });
    await using cutOff = startFunction({ LARGE_PACKS_BUCKET: bucket, AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9" });
    await using unset = startFunction();
    const [first, large, lost, last] = likePacks() as [Pack, Pack, Pack, Pack];
    const references = await Promise.all(
      [large, lost].map(async (pack) => encodePackReference(await store.put(pack.header, encodePack(pack)))),
    );
    const [toLarge, toLost] = references as [Uint8Array, Uint8Array];
    await expect(handle(unset, toLarge)).rejects.toThrow("LARGE_PACKS_BUCKET is not set");
    expect(await handle(cutOff, first, toLarge, last)).toEqual(from(1));
    expect(await rkeys()).toEqual([KEYS[0]]);
    for (const key of [...s3.objects.keys()].filter((name) => name.includes(`-${lost.header.number}-`))) {
      s3.objects.delete(key);
    }
    expect(await handle(indexEvents, first, toLarge, toLost, last)).toEqual(all);
    expect(await rkeys()).toEqual([KEYS[0], KEYS[1], KEYS[3]]);
    expect(await rows("SELECT reason, detail, relay FROM standpipe.dead_letter")).toEqual([
      { reason: "unreadable-pack", detail: "missing-object", relay: RELAY },
    ]);
    expect(await rows("SELECT * FROM gaps")).toEqual([]);
  });

  test("asks once more for a secret that the database refuses, and goes on with the same batch", async () => {
    await using secrets = await startSecretsServer();
    const { username, password } = new URL(database.connectionString);
    const secretOf = (user: string): string => JSON.stringify({ username: user, password: password || "any" });
    secrets.put(secretOf("rotated_away"));
    const url = new URL(database.connectionString);
    Object.assign(url, { username: "", password: "" });
    await using indexEvents = startFunction({
      DATABASE_URL: `${url.href}?sslmode=disable`,
      DATABASE_SECRET_ARN: SECRET_ID,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.endpoint,
    });
    const packs = likePacks();
    expect(await handle(indexEvents, ...packs)).toEqual(from(0));
    // Read before the batch and once more: no storm of calls where the secret itself is wrong.
    expect(secrets.calls()).toBe(2);
    secrets.put(secretOf(username));
    expect(await handle(indexEvents, ...packs)).toEqual(all);
    expect(secrets.calls()).toBe(3);
    expect(await handle(indexEvents, ...packs)).toEqual(all);
    expect(secrets.calls()).toBe(3);
    expect(await rkeys()).toEqual(KEYS);
    expect(lines.join("")).not.toContain(password || 'rotated_away","password');
  });

  test("talks to no server without TLS where it logs in with a secret and the address does not allow it", async () => {
    await using secrets = await startSecretsServer();
    const { username, password } = new URL(database.connectionString);
    secrets.put(JSON.stringify({ username, password: password || "any" }));
    await using indexEvents = startFunction({
      DATABASE_SECRET_ARN: SECRET_ID,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.endpoint,
    });
    expect(await handle(indexEvents, ...likePacks())).toEqual(from(0));
    expect(lines.join("")).toMatch(/The server does not support SSL connections/);
  });

  test("gives the database a limit of time for its statements, below its own minute and whatever others say", async () => {
    await using indexEvents = startFunction();
    await rows(`ALTER DATABASE ${database.name} SET statement_timeout = 0`);
    await rows("CREATE TABLE said (statement_timeout text)");
    await rows(`CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO said VALUES (current_setting('statement_timeout')); RETURN NULL; END $$`);
    await rows('CREATE TRIGGER say AFTER INSERT ON standpipe."like" FOR EACH STATEMENT EXECUTE FUNCTION say()');
    expect(await handle(indexEvents, ...likePacks())).toEqual(all);
    expect(await rows("SELECT DISTINCT statement_timeout FROM said")).toEqual([{ statement_timeout: "45s" }]);
  });

  test("goes on in halves where the database ends a statement that takes too long", async () => {
    await using indexEvents = startFunction({}, { statementLimitMs: 700 });
    await rows(`CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF (SELECT count(*) FROM added) > 2 THEN PERFORM pg_sleep(20); END IF; RETURN NULL; END $$`);
    await rows(`CREATE TRIGGER be_slow AFTER INSERT ON standpipe."like" REFERENCING NEW TABLE AS added
      FOR EACH STATEMENT EXECUTE FUNCTION be_slow()`);
    expect(await handle(indexEvents, ...likePacks())).toEqual(all);
    expect(await rkeys()).toEqual(KEYS);
    expect(lines.filter((line) => line.includes("worked in parts"))).toHaveLength(1);
    expect(await rows("SELECT * FROM standpipe.dead_letter")).toEqual([]);
    expect(await rows("SELECT * FROM gaps")).toEqual([]);
  });

  test("opens the tombstones' days and drops the old ones, after its first batch and then once an hour", async () => {
    await using indexEvents = startFunction({ TOMBSTONE_DAYS: "6" });
    const [first, second, third] = likePacks() as [Pack, Pack, Pack];
    await rows(`DROP TABLE standpipe.${dayName(-2)}`);
    for (const age of [6, 7, 40]) await rows(openDay(age));
    expect(await handle(indexEvents, first)).toEqual(all);
    expect(await days()).toEqual([6, 0, -1, -2].map(dayName));
    await rows(openDay(7));
    expect(await handle(indexEvents, second)).toEqual(all);
    expect(await days()).toContain(dayName(7));
    aheadMs = 3_600_000;
    expect(await handle(indexEvents, third)).toEqual(all);
    expect(await days()).toEqual([6, 0, -1, -2].map(dayName));
    expect(lines).toEqual([]);
  });

  test("answers for its batch where somebody holds the tombstones, and says so", async () => {
    await using indexEvents = startFunction();
    await rows(openDay(9));
    await rows("BEGIN");
    await rows("LOCK TABLE standpipe.tombstone IN ACCESS SHARE MODE");
    expect(await handle(indexEvents, ...likePacks())).toEqual(all);
    await rows("ROLLBACK");
    expect(lines.join("")).toMatch(/lock timeout.*old tombstones could not be dropped/);
    expect(await days()).toContain(dayName(9));
    expect(await rkeys()).toEqual(KEYS);
  });

  test("is what the module exports: made once, from the environment", async () => {
    vi.stubEnv("DATABASE_URL", database.connectionString);
    vi.stubEnv("LOG_LEVEL", "silent");
    const module = await import("../../functions/index-events/handler.ts");
    const packs = likePacks();
    expect(await module.handler(kinesisEvent(packs), invocation())).toEqual(all);
    expect(await module.handler(kinesisEvent(packs), invocation())).toEqual(all);
    expect(await rkeys()).toEqual(KEYS);
    const sessions = await rows(
      "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'standpipe'",
    );
    expect(sessions[0]?.count).toBeLessThanOrEqual(2);
  });

  test("says what is missing where there is no database in its settings", () => {
    expect(() => startFunction({ DATABASE_URL: "" })).toThrow("DATABASE_URL is not set: must be an address such as");
  });
});

/** The partition of a day so many days ago. */
function dayName(age: number): string {
  const day = new Date(Date.now() - age * 86_400_000).toISOString().slice(0, 10);
  return `tombstone_${day.replaceAll("-", "")}`;
}

function openDay(age: number): string {
  const [from, to] = [age, age - 1].map((days) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10));
  return `CREATE TABLE standpipe.${dayName(age)} PARTITION OF standpipe.tombstone FOR VALUES FROM ('${from}') TO ('${to}')`;
}

async function days(): Promise<readonly unknown[]> {
  const found = await rows(
    `SELECT c.relname AS name FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'standpipe.tombstone'::regclass ORDER BY 1`,
  );
  return found.map(({ name }) => name);
}

function repostOf(): unknown {
  return { ...(likeOf("3l3qo2vuu2s2b") as Record<string, unknown>), $type: "app.bsky.feed.repost" };
}

function postOf(text: string): unknown {
  return { $type: POST, text, createdAt: "2026-11-21T01:45:05.352Z" };
}
