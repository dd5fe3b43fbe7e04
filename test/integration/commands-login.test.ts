/** Commands where users come in with a managed secret or with tokens of IAM, as in the task `operations` on AWS. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { AWS_ENVIRONMENT } from "../support/kinesis-local.ts";
import { type EndedCommand, runCommand } from "../support/run-command.ts";
import { SECRET_ID, type SecretsServer, startSecretsServer } from "../support/secrets-server.ts";

const COMMANDS = [["sql", "SELECT count(*) AS posts FROM posts"], ["status"], ["dead-letters", "list"], ["migrate"]];

let database: TestDatabase;
let secrets: SecretsServer;
beforeEach(async () => {
  database = await createTestDatabase();
  secrets = await startSecretsServer();
  Object.assign(process.env, AWS_ENVIRONMENT);
});
afterEach(async () => {
  await secrets[Symbol.asyncDispose]();
  await database.drop();
});

/** The database's address with another user, and without a password. */
function addressAs(user: string, { sslmode }: { readonly sslmode: string }): string {
  const url = new URL(database.connectionString);
  url.username = user;
  url.password = "";
  url.searchParams.set("sslmode", sslmode);
  return url.href;
}

function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<EndedCommand> {
  return runCommand(args, { ...AWS_ENVIRONMENT, PORT: "1", ...env });
}

const withSecret = () => ({
  DATABASE_URL: addressAs("nobody", { sslmode: "disable" }),
  DATABASE_SECRET_ARN: SECRET_ID,
  AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.endpoint,
});

describe("commands with a managed secret", () => {
  test.each(COMMANDS)("%s logs in as the secret says", async (...args) => {
    const { username, password } = new URL(database.connectionString);
    secrets.put(JSON.stringify({ username, password: decodeURIComponent(password) }));
    const { code, err } = await run(args, withSecret());
    expect([code, err]).toEqual([0, ""]);
    expect(secrets.calls()).toBe(1);
  });

  test.each(COMMANDS)("%s ends with 2 and says so where there is no such secret", async (...args) => {
    const { code, err } = await run(args, withSecret());
    expect([code, err]).toEqual([2, expect.stringContaining(`DATABASE_SECRET_ARN=${SECRET_ID}: there is no such`)]);
  });
});

describe("commands with tokens of IAM", () => {
  test.each(COMMANDS)("%s shows a token to no server without verified TLS", async (...args) => {
    const DATABASE_URL = addressAs("indexer", { sslmode: "disable" });
    const { code, err } = await run(args, { DATABASE_URL, DATABASE_AUTH: "iam" });
    expect([code, err]).toEqual([1, expect.stringContaining("does not support SSL")]);
  });

  test("ends with 2 where the address names no user to make a token for", async () => {
    const { code, err } = await run(["status"], { DATABASE_URL: "postgres://127.0.0.1:1/none", DATABASE_AUTH: "iam" });
    expect([code, err]).toEqual([2, expect.stringContaining("DATABASE_AUTH=iam it must name user and host")]);
  });
});
