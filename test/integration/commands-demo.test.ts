import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { findServer } from "../../lib/store/embedded/postmaster-file.ts";
import { type StartedProcess, startProcess } from "../support/process.ts";
import { replayRecording } from "../support/replay-relay.ts";
import { runCommand } from "../support/run-command.ts";

let directory: string;
let started: StartedProcess[];

beforeEach(async () => {
  directory = await mkdtemp(join(inject("scratchDir"), "demo-"));
  started = [];
});
afterEach(async () => {
  for (const one of started) await one[Symbol.asyncDispose]();
});

/** In an empty folder, and nobody at the relay that is used without RELAY_URL. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): StartedProcess {
  const nobody = ["--default-relay", "ws://127.0.0.1:1"];
  const one = startProcess(["start", ...nobody, ...args], {
    cwd: directory,
    env: { HTTP_HOST: "127.0.0.1", PORT: "0", FIRST_TRY_SECONDS: "1", ...env },
  });
  started.push(one);
  return one;
}

const server = (): unknown => findServer(join(directory, ".standpipe", "postgres"));
const sqlOfDemo = (statement: string) =>
  runCommand(["sql", "--demo", "--json", statement], { STANDPIPE_DATA_DIR: join(directory, ".standpipe") });

test("--demo plays the recording, prints what it holds and three queries that answer, and ends with 0", async () => {
  const demo = start(["--demo"]);
  expect(await demo.exit).toEqual({ code: 0, signal: null });
  expect(server()).toBeNull();
  const out = demo.stdout();
  expect(out).toMatch(/6,501 events/);
  expect(out).toMatch(/^ {2}likes +3,515$/m);
  expect(demo.stderr()).not.toContain("connection was lost");
  const queries = [...out.matchAll(/^ {2}npx standpipe sql --demo "(.+)"$/gm)].map(([, statement]) => statement ?? "");
  expect(queries).toHaveLength(3);
  for (const statement of queries) {
    const answer = await sqlOfDemo(statement);
    expect(answer.code).toBe(0);
    expect((JSON.parse(answer.out) as unknown[]).length).toBeGreaterThan(0);
  }
  // Played again it begins anew, and holds the same.
  const again = start(["--demo"]);
  expect(await again.exit).toEqual({ code: 0, signal: null });
  expect(again.stdout()).toMatch(/^ {2}likes +3,515$/m);
});

test.each([[[]], [["--exit-when-idle", "0.2"]]])(
  "a first start %j without a relay plays it too, and says why",
  async (args) => {
    const first = start(args);
    expect(await first.exit).toEqual({ code: 0, signal: null });
    expect(first.stdout()).toMatch(/^no relay answered within 1 s: playing the bundled recording/m);
    expect(first.stdout()).toMatch(/^playing the bundled recording, 6,501 events of a small network, into postgres:/m);
    expect(first.stderr()).not.toMatch(/"level":"warn"/);
    expect(first.stdout()).toMatch(/^ {2}likes +3,515$/m);
  },
);

test.each([
  ["--no-demo", ["--no-demo"], {}],
  ["RELAY_URL", [], { RELAY_URL: "ws://127.0.0.1:1" }],
])("with %s it keeps trying the relay", async (_, args, env) => {
  const one = start(args, env);
  // Three failures take longer than the second after which a demo would come.
  await one.waitForLine(/"retryInMs":\d+.*not connected to relay/);
  const [, url = ""] = await one.waitForLine(/^status {4}(http:\S+)$/);
  await expect.poll(async () => reconnects(url), { timeout: 30_000 }).toBeGreaterThan(4);
  expect(one.stdout()).not.toContain("recording");
  expect(await one.kill("SIGTERM")).toEqual({ code: 0, signal: null });
});

async function reconnects(url: string): Promise<number> {
  const { counters } = (await (await fetch(url)).json()) as { counters: { reconnects_total: Record<string, number> } };
  return Object.values(counters.reconnects_total).reduce((sum, count) => sum + count, 0);
}

test("the demo's queries answer with another DATABASE_SCHEMA too, as they are printed", async () => {
  const demo = start(["--demo"], { DATABASE_SCHEMA: "other" });
  expect(await demo.exit).toEqual({ code: 0, signal: null });
  const printed = / {2}DATABASE_SCHEMA=(\w+) npx standpipe sql --demo "(.+)"$/gm;
  const queries = [...demo.stdout().matchAll(printed)];
  expect(queries).toHaveLength(3);
  for (const [, schema = "", statement = ""] of queries) {
    const env = { STANDPIPE_DATA_DIR: join(directory, ".standpipe"), DATABASE_SCHEMA: schema };
    const answer = await runCommand(["sql", "--demo", "--json", statement], env);
    expect(answer).toMatchObject({ code: 0, out: expect.stringMatching(/^\[\n\{/) });
  }
});

test("--exit-when-idle does not end with 0 as long as no relay has ever been connected", async () => {
  const one = start(["--exit-when-idle", "0.2"], { RELAY_URL: "ws://127.0.0.1:1" });
  const [, url = ""] = await one.waitForLine(/^status {4}(http:\S+)$/);
  await expect.poll(async () => reconnects(url), { timeout: 30_000 }).toBeGreaterThan(2);
  expect(await one.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  expect(one.stdout()).toMatch(/^stopped: 0 events read, 0 rows in the database, no cursor yet$/m);
});

test("with a cursor it is no first start, and keeps trying the relay", async () => {
  await using relay = await replayRecording();
  const first = start(["--exit-when-idle", "1"], { RELAY_URL: relay.url });
  expect((await first.exit).code).toBe(0);
  expect(first.stdout()).toMatch(
    /^nothing new for 1 s: 6,501 events read, [1-9][\d,]+ rows in the database, cursor 6501 of 127\.0\.0\.1:\d+$/m,
  );
  expect(await sqlOfDemo("SELECT 1")).toMatchObject({
    code: 2,
    err: expect.stringContaining("run standpipe start --demo first"),
  });
  const second = start([]);
  const [, url = ""] = await second.waitForLine(/^status {4}(http:\S+)$/);
  await expect.poll(async () => reconnects(url), { timeout: 30_000 }).toBeGreaterThan(4);
  expect(second.stdout()).not.toContain("recording");
  expect(await second.kill("SIGTERM")).toEqual({ code: 0, signal: null });
});

test("a second start on one directory ends with 2 and says who holds it; Ctrl-C to the group ends the first with 0, its server last", async () => {
  await using relay = await replayRecording({ speed: 200, loop: true });
  const first = start([], { RELAY_URL: relay.url });
  await first.waitForLine(/"msg":"reading"/);
  // With the same PORT, as two starts with the same settings have: it is the directory that matters.
  const [, port = ""] = await first.waitForLine(/^status {4}http:\/\/127\.0\.0\.1:(\d+)\/status$/);
  const second = start([], { RELAY_URL: relay.url, PORT: port });
  expect(await second.exit).toEqual({ code: 2, signal: null });
  expect(second.stderr()).toMatch(
    new RegExp(`^standpipe: .standpipe is in use .*standpipe start, pid ${first.pid}`, "m"),
  );

  // Beside it, status and sql use the server that runs.
  const dataDir = join(directory, ".standpipe");
  const status = await runCommand(["status", "--json"], { STANDPIPE_DATA_DIR: dataDir, PORT: port });
  expect(JSON.parse(status.out)).toMatchObject({ connected: true, command: "start", database: { gaps: 0 } });

  expect(await first.killGroup("SIGINT")).toEqual({ code: 0, signal: null });
  expect(server()).toBeNull();
});
