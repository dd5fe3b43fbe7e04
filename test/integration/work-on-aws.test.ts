/** `standpipe work` as a stage on AWS runs it: no owner of the database, which somebody else migrates, and a login that is not in the address. */
import pg from "pg";
import { expect, test } from "vitest";
import { MIGRATIONS_DIRECTORY, migrate } from "../../lib/store/migrate.ts";
import { VIEW_NAMES } from "../../lib/store/view-names.ts";
import { createTestDatabase } from "../support/database.ts";
import { differences } from "../support/expected-end.ts";
import { AWS_ENVIRONMENT } from "../support/kinesis-local.ts";
import { startRedisProcess, untilHandled } from "../support/redis-scene.ts";
import { describeWithRedis, startRedis } from "../support/redis-server.ts";
import { SECRET_ID, startSecretsServer } from "../support/secrets-server.ts";
import { silentLog } from "../support/silent-log.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

describeWithRedis("a worker that does not own its database", () => {
  test("waits until it is migrated, logs in with a secret, and writes its metrics for CloudWatch", async () => {
    await using server = await startRedis();
    await using secrets = await startSecretsServer();
    await using database = await createTestDatabase({ empty: true });
    const url = new URL(database.connectionString);
    secrets.put(
      JSON.stringify({
        username: decodeURIComponent(url.username),
        password: decodeURIComponent(url.password) || "none",
      }),
    );
    url.username = "";
    url.password = "";
    url.searchParams.set("sslmode", "disable");
    const env = {
      ...AWS_ENVIRONMENT,
      REDIS_URL: server.url,
      REDIS_FORMAT: "packs",
      HTTP_HOST: "127.0.0.1",
      PORT: "0",
    };
    const login = {
      DATABASE_URL: url.href,
      DATABASE_SECRET_ARN: SECRET_ID,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.endpoint,
      EMF_NAMESPACE: "Standpipe/test",
    };
    await using relay = await startRelay("--speed", "max");
    await using ingester = startRedisProcess({ ...env, RELAY_URL: relay.url }, "ingest", "--from", "oldest");
    await using worker = startRedisProcess({ ...env, ...login, RELAY_URL: relay.url }, "work");
    await worker.waitForLine(/the database lacks migrations \(0001_tables, /);
    await migrate({
      connectionString: database.connectionString,
      schema: "public",
      directory: MIGRATIONS_DIRECTORY,
      viewNames: VIEW_NAMES,
      log: silentLog,
    });
    await ingester.until(({ cursor }) => cursor === LAST_SEQ);
    await worker.until(({ cursor }) => cursor === LAST_SEQ);
    await untilHandled(server);
    for (const each of [ingester, worker]) expect(await each.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    const pool = new pg.Pool({ connectionString: database.connectionString, max: 1 });
    expect(await differences(pool)).toEqual([]);
    await pool.end();
    const line =
      worker
        .stdout()
        .split("\n")
        .find((each) => each.startsWith('{"_aws"')) ?? "{}";
    expect(JSON.parse(line)).toMatchObject({
      command: "work",
      stream: "firehose:events",
      unread_entries: expect.any(Number),
    });
    expect(worker.stdout() + worker.stderr()).not.toContain(
      decodeURIComponent(new URL(database.connectionString).password) || "never",
    );
  }, 120_000);
});
