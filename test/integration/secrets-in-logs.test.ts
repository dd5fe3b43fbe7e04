/** Whatever goes wrong on the way to the database: no log, no line of metrics and no error holds what lets somebody in. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { reportFreshness } from "../../functions/freshness/report-freshness.ts";
import { createHandler } from "../../functions/index-events/create-handler.ts";
import { runMigration } from "../../functions/migrate/run-migration.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { kinesisEvent } from "../support/kinesis-events.ts";
import { makePack } from "../support/packs.ts";
import { SECRET_ID, type SecretsServer, startSecretsServer } from "../support/secrets-server.ts";

const PASSWORD = "hunter2-and-more";
const written: string[] = [];
const write = (line: string): void => void written.push(line);

let database: TestDatabase;
let secrets: SecretsServer;

beforeEach(async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "access-hunter2");
  written.length = 0;
  database = await createTestDatabase();
  secrets = await startSecretsServer();
  secrets.put(JSON.stringify({ username: "nobody", password: PASSWORD }));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await secrets[Symbol.asyncDispose]();
  await database.drop();
});

/** Ways to a database that does not let anybody in, each with everything that is secret about it. */
const WAYS = [
  ["a password in the address", (url: URL) => ({ DATABASE_URL: withLogin(url) })],
  [
    "a managed secret",
    (url: URL) => ({
      DATABASE_URL: `postgres://nobody@${url.host}${url.pathname}?sslmode=disable`,
      DATABASE_SECRET_ARN: SECRET_ID,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.endpoint,
      AWS_REGION: "us-east-1",
    }),
  ],
  [
    "a token",
    (url: URL) => ({
      DATABASE_URL: `postgres://nobody@${url.host}${url.pathname}`,
      DATABASE_AUTH: "iam",
      AWS_REGION: "us-east-1",
    }),
  ],
] as const;

function withLogin(url: URL): string {
  const address = new URL(url);
  address.username = "nobody";
  address.password = PASSWORD;
  return address.href;
}

/** Its answer or its fault, as somebody would print it. */
async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await work());
  } catch (error) {
    return faultText(error);
  }
}

function faultText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.stack ?? error.message} ${JSON.stringify(error)} ${error.cause === undefined ? "" : faultText(error.cause)}`;
}

describe.each(WAYS)("with %s", (_, environmentOf) => {
  const environment = () => ({ LOG_LEVEL: "debug", ...environmentOf(new URL(database.connectionString)) });
  const log = createLog({ level: "debug", readable: false, write });

  test.each([
    [
      "the function of the stream",
      async () => {
        const settings = readSettings("index-events", { ...environment(), EMF_NAMESPACE: "Standpipe" });
        await using handler = createHandler({ settings, nowMs: Date.now, writeMetrics: write, writeLog: write });
        await handler.warmUp();
        const event = kinesisEvent([makePack({ lane: 0, number: 1, lanes: settings.LANES })]);
        return await handler.handle(event, { getRemainingTimeInMillis: () => 30_000 });
      },
    ],
    [
      "the canary",
      () => reportFreshness({ settings: readSettings("freshness", environment()), log, nowMs: Date.now, write }),
    ],
    ["the migration", () => runMigration({ settings: readSettings("migrate", environment()), log })],
  ] as const)("%s says what is wrong and no secret", async (_name, work) => {
    const all = `${await outcome(work)} ${written.join("")}`;
    expect(all).toMatch(/refuse|password authentication|SSL|not exist|28P01|08P01|batchItemFailures/);
    for (const secret of [PASSWORD, "access-hunter2", "X-Amz-Signature"]) expect(all).not.toContain(secret);
  });
});
