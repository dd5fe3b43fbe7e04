import { describe, expect, test } from "vitest";
import { createDatabaseLogin, isRefusedLogin } from "../../../lib/credentials/database-login.ts";

const identity = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a-secret-of-this-test" };
const settings = {
  address: "postgres://indexer@proxy.example.test/standpipe",
  auth: "iam",
  secretId: null,
  region: "us-east-1",
  secretsEndpoint: null,
  nowMs: () => 0,
  identity,
} as const;

describe("the login of a database", () => {
  test("with tokens is the address's user, a token for its host and the usual port, and TLS that is verified", async () => {
    const login = await createDatabaseLogin({ ...settings, address: `${settings.address}?sslmode=disable` }).open();
    expect(login).toMatchObject({ user: "indexer", verifiesTls: true });
    expect(await login?.password()).toMatch(/^proxy\.example\.test:5432\/\?/);
  });

  test("with the address alone is what the address says, and cannot be asked for anew", async () => {
    const login = createDatabaseLogin({ ...settings, auth: "password" });
    expect(await login.open()).toBeUndefined();
    expect(login.forget()).toBe(false);
  });

  test("refuses settings that contradict one another, or lack a user", () => {
    expect(() => createDatabaseLogin({ ...settings, secretId: "standpipe/database" })).toThrow(
      "DATABASE_AUTH=iam and DATABASE_SECRET_ARN contradict each other: unset one of them",
    );
    expect(() => createDatabaseLogin({ ...settings, address: "postgres://:hidden@host/standpipe" })).toThrow(
      /^DATABASE_URL \(not shown here\): with DATABASE_AUTH=iam it must name user and host/,
    );
  });
});

test("a refused login is known by its code, also where it is a cause", () => {
  const refused = Object.assign(new Error("password authentication failed"), { code: "28P01" });
  expect(isRefusedLogin(new Error("away", { cause: refused }))).toBe(true);
  expect(isRefusedLogin(Object.assign(new Error("PAM"), { code: "28000" }))).toBe(true);
  expect(isRefusedLogin(Object.assign(new Error("syntax"), { code: "42601" }))).toBe(false);
  expect(isRefusedLogin("28000")).toBe(false);
});
