/** A real redis-server of a test's own, which can be killed, started again, and have a replica. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { describe, inject } from "vitest";
import { freePort } from "./free-port.ts";

const isInstalled = spawnSync("redis-server", ["--version"]).status === 0;

/** Like `describe`, for tests that need the server: skipped with the reason in the name where it is missing, which is a failure under STANDPIPE_REQUIRE_ALL. */
export function describeWithRedis(name: string, body: () => void): void {
  if (isInstalled || process.env["STANDPIPE_REQUIRE_ALL"] === "1") describe(name, body);
  else describe.skip(`${name} (redis-server is not installed: apt-get install redis-server)`, body);
}

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  /** For REDIS_URL. */
  readonly url: string;
  /** A connection of its own, closed with the server. */
  readonly client: Redis;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** On the same port and the same files, after `kill`. */
  start(): Promise<void>;
}

export interface RedisServerOptions {
  /** Writes are logged, each second or before each answer; without it a restarted server has nothing. */
  readonly appendOnly?: "everysec" | "always";
  readonly replicaOf?: Pick<RedisServer, "port">;
  readonly args?: readonly string[];
}

const READY_LIMIT_MS = 20_000;

/** Bounded in memory, and on loopback only. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(inject("scratchDir"), "redis-"));
  const port = await freePort();
  const client = new Redis({
    port,
    host: "127.0.0.1",
    lazyConnect: true,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
  });
  client.on("error", () => undefined);
  let child: ChildProcess | null = null;
  const onOurExit = () => void child?.kill("SIGKILL");
  process.once("exit", onOurExit);
  const start = async () => {
    child = spawn("redis-server", argumentsOf({ ...options, port, directory }), { stdio: "ignore" });
    await answering(port);
  };
  const kill = async (signal: NodeJS.Signals = "SIGKILL") => {
    const dying = child;
    child = null;
    if (dying === null || dying.exitCode !== null) return;
    const ended = new Promise((resolve) => dying.once("exit", resolve));
    dying.kill(signal);
    await ended;
  };
  await start();
  if (options.replicaOf !== undefined) await following(client);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    client,
    start,
    kill,
    async [Symbol.asyncDispose]() {
      client.disconnect();
      await kill();
      process.off("exit", onOurExit);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The replica has all that its primary had, and hears of everything new. */
async function following(replica: Redis): Promise<void> {
  const deadline = performance.now() + READY_LIMIT_MS;
  while (!/^master_link_status:up\r?$/m.test(await replica.info("replication"))) {
    if (performance.now() > deadline) throw new Error("the replica does not hear its primary");
    await sleep(20);
  }
}

function argumentsOf(options: RedisServerOptions & { readonly port: number; readonly directory: string }): string[] {
  const { port, directory, appendOnly, replicaOf, args = [] } = options;
  const settings = {
    port,
    bind: "127.0.0.1",
    dir: directory,
    // By it a guard finds the server where this process is killed.
    pidfile: join(directory, "redis.pid"),
    save: "",
    maxmemory: "512mb",
    "maxmemory-policy": "noeviction",
    appendonly: appendOnly === undefined ? "no" : "yes",
    appendfsync: appendOnly ?? "everysec",
    // A primary waits five seconds for more replicas before it sends its first snapshot, unless told not to.
    "repl-diskless-sync-delay": 0,
    ...(replicaOf !== undefined && { replicaof: `127.0.0.1 ${replicaOf.port}` }),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, ...words(value)]);
  return [...flags, ...args];
}

function words(value: string | number): string[] {
  return value === "" ? [""] : String(value).split(" ");
}

async function answering(port: number): Promise<void> {
  const probe = new Redis({
    port,
    host: "127.0.0.1",
    lazyConnect: true,
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
  });
  probe.on("error", () => undefined);
  try {
    const pong = probe.ping();
    const late = sleep(READY_LIMIT_MS, "late", { ref: false });
    if ((await Promise.race([pong, late])) !== "PONG") throw new Error("redis-server does not answer");
  } finally {
    probe.disconnect();
  }
}
