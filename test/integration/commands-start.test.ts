import { createServer } from "node:net";
import { Client } from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createLateProxy } from "../support/late-proxy.ts";
import { type StartedProcess, startProcess } from "../support/process.ts";
import { replayRecording } from "../support/replay-relay.ts";
import { runCommand } from "../support/run-command.ts";

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
});
afterEach(() => database.drop());

function start(
  relayUrl: string,
  options: { readonly args?: readonly string[]; readonly env?: Record<string, string> } = {},
): StartedProcess {
  return startProcess(["start", ...(options.args ?? [])], {
    env: {
      DATABASE_URL: database.connectionString,
      RELAY_URL: relayUrl,
      HTTP_HOST: "127.0.0.1",
      PORT: "0",
      ...options.env,
    },
  });
}

async function httpOf(started: StartedProcess): Promise<string> {
  const [, url = ""] = await started.waitForLine(/^status {4}(http:\S+)\/status$/);
  return url;
}

interface StatusAnswer {
  readonly connected: boolean;
  readonly databaseConnected: boolean;
  readonly cursor: number | null;
  readonly rows: number | null;
  readonly rssBytes: number;
}

const statusOf = async (url: string): Promise<StatusAnswer> =>
  (await (await fetch(`${url}/status`)).json()) as StatusAnswer;

async function query<Row>(sql: string): Promise<readonly Row[]> {
  const client = new Client({ connectionString: database.connectionString });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

const savedSeq = async (): Promise<number> =>
  Number((await query<{ seq: string }>("SELECT max(seq) AS seq FROM standpipe.cursor"))[0]?.seq);

describe("start against a relay and a database", () => {
  test("ends with 0 when idle, with everything durable and the cursor at the relay's last event", async () => {
    await using relay = await replayRecording();
    await using started = start(relay.url, { args: ["--exit-when-idle", "1"] });
    expect(await started.exit).toEqual({ code: 0, signal: null });
    expect(await savedSeq()).toBe(relay.lastSeq);
    expect(await query("SELECT 1 FROM posts LIMIT 1")).toHaveLength(1);
    expect(started.stdout()).toContain("***@");
    expect(started.stdout() + started.stderr()).not.toContain(new URL(database.connectionString).password);
  });

  test("answers on its four paths while it works", async () => {
    await using relay = await replayRecording({ speed: 500, loop: true });
    await using started = start(relay.url);
    const url = await httpOf(started);
    await expect.poll(async () => (await fetch(`${url}/ready`)).status, { timeout: 20_000 }).toBe(200);
    await expect.poll(async () => (await statusOf(url)).rows, { timeout: 20_000 }).toBeGreaterThan(100);
    const status = await statusOf(url);
    expect(status).toMatchObject({
      relay: new URL(relay.url).host,
      connected: true,
      databaseConnected: true,
      cursor: expect.any(Number),
      receivedSeq: expect.any(Number),
      lagSeconds: expect.any(Number),
      eventsPerSecond: expect.any(Number),
      bytesInFlight: expect.any(Number),
      deadLetters: expect.any(Number),
      gaps: 0,
      uptimeSeconds: expect.any(Number),
      counters: { applied_events_total: { commit: expect.any(Number) } },
    });
    expect(status.rssBytes).toBeLessThan(256e6);
    const health = await fetch(`${url}/health`);
    expect({ code: health.status, body: await health.json() }).toEqual({
      code: 200,
      body: { status: "ok", reason: null },
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^standpipe_applied_events_total\{kind="commit"\} [1-9]/m);
    expect(metrics).toMatch(/^standpipe_connected 1$/m);
  });

  test("shows the saved cursor after a restart, before anything arrives", async () => {
    await using relay = await replayRecording();
    await using first = start(relay.url, { args: ["--exit-when-idle", "1"] });
    expect((await first.exit).code).toBe(0);
    // It has nothing that is newer, so that no mark of its own comes.
    await using second = start(relay.url);
    const url = await httpOf(second);
    await expect.poll(async () => (await statusOf(url)).connected, { timeout: 20_000 }).toBe(true);
    expect(await statusOf(url)).toMatchObject({ cursor: relay.lastSeq, epoch: 1, lagSeconds: expect.any(Number) });
    const gauge = new RegExp(`^standpipe_cursor_seq ${relay.lastSeq}$`, "m");
    await expect.poll(async () => await (await fetch(`${url}/metrics`)).text(), { timeout: 5_000 }).toMatch(gauge);
    expect(await second.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(second.stdout()).toMatch(new RegExp(`^stopped: 0 events read, .* cursor ${relay.lastSeq} of `, "m"));
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s drains, saves the cursor and ends with 0; the next start goes on from there",
    async (signal) => {
      await using relay = await replayRecording({ speed: 1_000 });
      await using first = start(relay.url);
      const url = await httpOf(first);
      await expect.poll(async () => (await statusOf(url)).cursor ?? 0, { timeout: 20_000 }).toBeGreaterThan(500);
      const askedAt = performance.now();
      expect(await first.kill(signal)).toEqual({ code: 0, signal: null });
      expect(performance.now() - askedAt).toBeLessThan(10_000);
      const seq = await savedSeq();
      const [applied] = await query<{ seq: string }>("SELECT max(seq) AS seq FROM standpipe.lane");
      expect(seq).toBe(Number(applied?.seq));

      await using second = start(relay.url, { args: ["--exit-when-idle", "2"] });
      await second.waitForLine(new RegExp(`"after":${seq},"msg":"reading"`));
      expect(await second.exit).toEqual({ code: 0, signal: null });
      expect(await savedSeq()).toBe(relay.lastSeq);
    },
  );

  test("a newer process takes over, and the older one ends with 1 and says so", async () => {
    await using relay = await replayRecording({ speed: 500, loop: true });
    await using older = start(relay.url);
    const url = await httpOf(older);
    await expect.poll(async () => (await statusOf(url)).cursor ?? 0, { timeout: 20_000 }).toBeGreaterThan(0);
    await using newer = start(relay.url);
    await httpOf(newer);
    expect(await older.exit).toEqual({ code: 1, signal: null });
    expect(older.stderr()).toMatch(/^standpipe: a newer process has taken over/m);
    expect(await newer.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  });

  test("another LANES than the stored one is refused with 2", async () => {
    await using relay = await replayRecording();
    await using first = start(relay.url, { args: ["--exit-when-idle", "1"] });
    expect((await first.exit).code).toBe(0);
    await using second = start(relay.url, { args: ["--exit-when-idle", "1"], env: { LANES: "16" } });
    expect((await second.exit).code).toBe(2);
    expect(second.stderr()).toMatch(/^standpipe: LANES=16: this database was written with LANES=8/m);
    const env = { DATABASE_URL: database.connectionString };
    expect(await runCommand(["migrate", "--lanes", "16"], env)).toMatchObject({ code: 0 });
    await using third = start(relay.url, { args: ["--exit-when-idle", "1"], env: { LANES: "16" } });
    expect((await third.exit).code).toBe(0);
  });
});

describe("start with the database away", () => {
  test("at first: says so, stays healthy, leaves the relay alone, and works once it comes", async () => {
    await using relay = await replayRecording();
    const address = new URL(database.connectionString);
    await using proxy = await createLateProxy({ host: address.hostname, port: Number(address.port) });
    address.host = `127.0.0.1:${proxy.port}`;
    await using started = start(relay.url, { env: { DATABASE_URL: address.href }, args: ["--exit-when-idle", "1"] });
    const url = await httpOf(started);
    await started.waitForLine(/the database is away/);
    const ready = await fetch(`${url}/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ reason: expect.stringContaining("ECONNREFUSED") });
    const health = await fetch(`${url}/health`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ status: "degraded", reason: expect.stringContaining("database") });
    expect(await statusOf(url)).toMatchObject({ databaseConnected: false, connected: false, rows: null });
    expect(relay.server.stats().sentFrames).toBe(0);
    await proxy.open();
    expect(await started.exit).toEqual({ code: 0, signal: null });
    expect(await savedSeq()).toBe(relay.lastSeq);
  });

  test("later: says so, stays healthy, and nothing is lost", async () => {
    await using relay = await replayRecording({ speed: 1_500 });
    const address = new URL(database.connectionString);
    await using proxy = await createLateProxy({ host: address.hostname, port: Number(address.port) });
    await proxy.open();
    address.host = `127.0.0.1:${proxy.port}`;
    await using started = start(relay.url, { env: { DATABASE_URL: address.href }, args: ["--exit-when-idle", "3"] });
    const url = await httpOf(started);
    await expect.poll(async () => (await statusOf(url)).cursor ?? 0, { timeout: 20_000 }).toBeGreaterThan(500);
    await proxy.shut();
    await expect.poll(async () => (await fetch(`${url}/ready`)).status, { timeout: 20_000 }).toBe(503);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    await proxy.open();
    await expect.poll(async () => (await fetch(`${url}/ready`)).status, { timeout: 20_000 }).toBe(200);
    expect(await started.exit).toEqual({ code: 0, signal: null });
    expect(await savedSeq()).toBe(relay.lastSeq);
  });

  test("silent, without closing anything: says so too, stays healthy, and goes on when it answers again", async () => {
    await using relay = await replayRecording({ speed: 1_500 });
    const address = new URL(database.connectionString);
    await using proxy = await createLateProxy({ host: address.hostname, port: Number(address.port) });
    await proxy.open();
    address.host = `127.0.0.1:${proxy.port}`;
    await using started = start(relay.url, { env: { DATABASE_URL: address.href }, args: ["--exit-when-idle", "3"] });
    const url = await httpOf(started);
    await expect.poll(async () => (await statusOf(url)).cursor ?? 0, { timeout: 20_000 }).toBeGreaterThan(500);
    proxy.freeze();
    await expect.poll(async () => (await fetch(`${url}/ready`)).status, { timeout: 20_000 }).toBe(503);
    const health = await fetch(`${url}/health`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ reason: expect.stringContaining("no answer for 5 s") });
    proxy.thaw();
    expect(await started.exit).toEqual({ code: 0, signal: null });
    expect(await savedSeq()).toBe(relay.lastSeq);
  });

  test("a stop is heard while it waits", async () => {
    await using started = start("ws://127.0.0.1:1", { env: { DATABASE_URL: "postgres://me@127.0.0.1:1/x" } });
    await started.waitForLine(/the database is away/);
    expect(await started.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});

describe("wrong settings end it at once with 2 and one line", () => {
  test("a port that is taken", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as { readonly port: number };
    await using started = start("ws://127.0.0.1:1", { env: { PORT: String(port) } });
    expect(await started.exit).toEqual({ code: 2, signal: null });
    expect(started.stderr()).toBe(
      `standpipe: PORT=${port}: is taken by another process: must be a free port (0 takes any)`,
    );
    await new Promise((resolve) => taken.close(resolve));
  });

  test.each([
    ["LANES", "abc", "standpipe: LANES=abc: must be a whole number from 1 to 4096"],
    [
      "LOG_LEVEL",
      "loud",
      "standpipe: LOG_LEVEL=loud: must be one of debug, info, warn (or warning), error, silent, in any case",
    ],
  ])("%s=%s", async (name, value, line) => {
    await using started = start("ws://127.0.0.1:1", { env: { [name]: value } });
    expect(await started.exit).toEqual({ code: 2, signal: null });
    expect(started.stderr()).toBe(line);
    expect(started.stdout()).toBe("");
  });
});
