import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSecretCredentials, createSecretsClient } from "../../../lib/credentials/managed-secret.ts";
import type { Credentials } from "../../../lib/credentials/port.ts";
import { SECRET_ID, type SecretsServer, startSecretsServer } from "../../support/secrets-server.ts";

const secret = (password: string): string => JSON.stringify({ username: "owner", password, engine: "postgres" });

describe("a managed secret", () => {
  let server: SecretsServer;
  let credentials: Credentials;

  beforeEach(async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
    server = await startSecretsServer();
    const client = createSecretsClient({ region: null, endpoint: server.endpoint });
    credentials = createSecretCredentials({ client, secretId: SECRET_ID, setting: "DATABASE_SECRET_ARN" });
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await server[Symbol.asyncDispose]();
  });

  test("is read once, however many connections ask", async () => {
    server.put(secret("first"));
    const [one, two] = await Promise.all([credentials.login(), credentials.login()]);
    expect(one).toEqual({ user: "owner", password: "first" });
    expect(two).toEqual(one);
    expect(await credentials.login()).toEqual(one);
    expect(server.calls()).toBe(1);
  });

  test("is read again once it was refused", async () => {
    server.put(secret("first"));
    await credentials.login();
    server.put(secret("rotated"));
    expect((await credentials.login()).password).toBe("first");
    credentials.forget();
    expect((await credentials.login()).password).toBe("rotated");
    expect(server.calls()).toBe(2);
  });

  test("is asked for again after a failure", async () => {
    server.put(secret("first"));
    server.failWith("AccessDeniedException");
    await expect(credentials.login()).rejects.toThrow(
      `DATABASE_SECRET_ARN=${SECRET_ID}: this process may not read it: it needs secretsmanager:GetSecretValue`,
    );
    server.failWith(null);
    expect((await credentials.login()).password).toBe("first");
  });

  test("that is missing is told by its name", async () => {
    await expect(credentials.login()).rejects.toThrow(`DATABASE_SECRET_ARN=${SECRET_ID}: there is no such secret`);
  });

  test.each(["hunter2", "null", '{"password":"hunter2"}', '{"username":"owner","password":""}'])(
    "of another form is told without showing it: %s",
    async (text) => {
      server.put(text);
      const error = await credentials.login().catch((fault: unknown) => fault as Error);
      expect(error).toMatchObject({
        name: "CredentialsError",
        message: expect.stringContaining('must be JSON with "username" and "password"') as string,
      });
      expect(String((error as Error).stack)).not.toContain("hunter2");
      expect((error as Error).cause).toBeUndefined();
    },
  );
});
