/** A redis-server of a part's own, as docker-compose.yml runs one: its writes logged, flushed each second, nothing thrown away. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { freePort } from "../support/free-port.ts";

export interface BenchRedis extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** For looking: never measured itself. */
  readonly client: Redis;
}

/** Bounds what a load that never ends could do to the machine. */
const MOST_MEMORY = "2gb";
const READY_LIMIT_MS = 10_000;

/** The version, or null where it is not installed. */
export function redisVersion(): string | null {
  const { status, stdout } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
  return status === 0 ? (/v=(\S+)/.exec(stdout)?.[1] ?? stdout.trim()) : null;
}

/** On loopback, with a folder of its own that goes with it. */
export async function startBenchRedis(): Promise<BenchRedis> {
  const folder = await mkdtemp(join(tmpdir(), "standpipe-bench-redis-"));
  const port = await freePort();
  const settings = {
    port,
    bind: "127.0.0.1",
    dir: folder,
    save: "",
    maxmemory: MOST_MEMORY,
    "maxmemory-policy": "noeviction",
    appendonly: "yes",
    appendfsync: "everysec",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn("redis-server", flags, { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const onOurExit = (): void => void child.kill("SIGKILL");
  process.once("exit", onOurExit);
  const client = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on("error", () => undefined);
  const late = sleep(READY_LIMIT_MS, "late", { ref: false });
  if ((await Promise.race([client.ping(), late])) !== "PONG") throw new Error("redis-server does not answer");
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    client,
    async [Symbol.asyncDispose]() {
      client.disconnect();
      process.off("exit", onOurExit);
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
