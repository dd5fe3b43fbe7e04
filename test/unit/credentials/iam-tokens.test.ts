import { expect, test } from "vitest";
import { CredentialsError } from "../../../lib/credentials/errors.ts";
import { createTokenCredentials, RENEW_AFTER_MS } from "../../../lib/credentials/iam-tokens.ts";

const identity = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "a-secret-of-this-test" };
const place = { host: "proxy.example.test", port: 5433, user: "indexer", region: "eu-central-1", identity };

test("makes a token for exactly this host, port and user, good for fifteen minutes", async () => {
  const { user, password } = await createTokenCredentials({ ...place, nowMs: () => 0 }).login();
  expect(user).toBe("indexer");
  const token = new URL(`https://${password}`);
  expect(token.host).toBe("proxy.example.test:5433");
  expect(token.searchParams.get("Action")).toBe("connect");
  expect(token.searchParams.get("DBUser")).toBe("indexer");
  expect(token.searchParams.get("X-Amz-Expires")).toBe("900");
  expect(token.searchParams.get("X-Amz-Credential")).toMatch(
    /^AKIDEXAMPLE\/\d{8}\/eu-central-1\/rds-db\/aws4_request$/,
  );
  expect(password).not.toContain(identity.secretAccessKey);
});

test("shows a token again while it is young, and renews it before it ends", async () => {
  let now = 1_000;
  let signed = 0;
  const counted = () => {
    signed += 1;
    return Promise.resolve(identity);
  };
  const credentials = createTokenCredentials({ ...place, identity: counted, nowMs: () => now });
  const first = await credentials.login();
  now += RENEW_AFTER_MS - 1;
  expect(await credentials.login()).toBe(first);
  const signedBefore = signed;
  now += 1;
  expect(await credentials.login()).not.toBe(first);
  expect(signed).toBeGreaterThan(signedBefore);
  // The SDK signs with credentials that may end in five minutes, and the token ends with them.
  expect(RENEW_AFTER_MS).toBeLessThan(5 * 60_000);
});

test("makes another one after a refusal", async () => {
  const credentials = createTokenCredentials({ ...place, nowMs: () => 0 });
  const first = await credentials.login();
  credentials.forget();
  expect(await credentials.login()).not.toBe(first);
});

test("keeps no failure", async () => {
  let fails = true;
  const credentials = createTokenCredentials({
    ...place,
    identity: () => (fails ? Promise.reject(new CredentialsError("away")) : Promise.resolve(identity)),
    nowMs: () => 0,
  });
  await expect(credentials.login()).rejects.toThrow("away");
  fails = false;
  expect((await credentials.login()).user).toBe("indexer");
});
