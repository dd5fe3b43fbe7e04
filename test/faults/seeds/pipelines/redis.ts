/** `standpipe ingest` and `standpipe work` with a Redis that writes everything down before it answers. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../../fuzz/mutate.ts";
import { askedProcess } from "../../../support/asked-process.ts";
import { createLateProxy } from "../../../support/late-proxy.ts";
import { startProcess } from "../../../support/process.ts";
import { untilHandled } from "../../../support/redis-scene.ts";
import { type RedisServer, startRedis } from "../../../support/redis-server.ts";
import { supervise } from "../supervisor.ts";
import type { Status, StreamPort } from "../world.ts";
import { LONGER_THAN_LEASE_MS, type Pipeline, type PipelineParts, SHORT_WAITS } from "./pipeline.ts";

const LASTS_MS = 600;

/** Entries of the established form, or packs, as the seed has it. */
export async function openRedis({ relay, address, env: clock }: PipelineParts, random: Random): Promise<Pipeline> {
  await using starting = new AsyncDisposableStack();
  /** What faults bring. */
  const later = starting.use(new AsyncDisposableStack());
  const servers: { primary: RedisServer } = { primary: starting.use(await startRedis({ appendOnly: "always" })) };
  let port = starting.use(await createLateProxy({ host: "127.0.0.1", port: servers.primary.port }));
  await port.open();
  const env = {
    ...SHORT_WAITS,
    ...clock,
    REDIS_URL: `redis://127.0.0.1:${port.port}`,
    REDIS_FORMAT: random(2) === 0 ? "events" : "packs",
    DATABASE_URL: address,
    HTTP_HOST: "127.0.0.1",
    PORT: "0",
    FLUSH_AFTER_MS: "50",
    MAX_IN_FLIGHT_MB: "1",
  };
  const readers = { ...env, RELAY_URL: relay.url };
  const open =
    (given: Readonly<Record<string, string>>, ...args: readonly string[]) =>
    () =>
      askedProcess<Status>(startProcess(args, { env: given }));
  const reader = starting.use(supervise("ingest", open(readers, "ingest", "--from", "oldest")));
  const second = starting.use(supervise("second ingest", open(readers, "ingest", "--from", "oldest")));
  const worker = starting.use(supervise("work", open(env, "work")));
  const another = starting.use(supervise("another work", open({ ...env, CONSUMER_ID: "another" }, "work")));
  const troubles: Readonly<Record<string, () => Promise<void>>> = {
    async READONLY() {
      await servers.primary.client.replicaof("127.0.0.1", "9");
      await sleep(LASTS_MS);
      await servers.primary.client.replicaof("NO", "ONE");
    },
    async "memory full"() {
      await servers.primary.client.config("SET", "maxmemory", "1mb");
      await sleep(LASTS_MS);
      await servers.primary.client.config("SET", "maxmemory", "512mb");
    },
    async "another worker comes and goes"() {
      another.start();
      await sleep(2 * LONGER_THAN_LEASE_MS);
      await another.stop();
    },
    async "kill -9 of Redis"() {
      await servers.primary.kill();
      await sleep(random(LASTS_MS));
      await servers.primary.start();
      // One that has taken over is started as the replica that it was.
      await servers.primary.client.replicaof("NO", "ONE");
    },
    async "Redis hangs"() {
      port.freeze();
      await sleep(LASTS_MS);
      port.thaw();
    },
    async "a replica takes over"() {
      const replica = later.use(await startRedis({ replicaOf: servers.primary, appendOnly: "always" }));
      await sleep(random(300));
      await port.shut();
      await replica.client.replicaof("NO", "ONE");
      await servers.primary.kill();
      servers.primary = replica;
      port = later.use(await createLateProxy({ host: "127.0.0.1", port: replica.port }, port.port));
      await port.open();
    },
  };
  const stream: StreamPort = {
    troubles: Object.keys(troubles),
    disturb: async (name) => await troubles[name]?.(),
    settled: () => untilHandled(servers.primary),
  };
  const owned = starting.move();
  const savedCursor = async (): Promise<number | null> => {
    const seq = await servers.primary.client.get("firehose:cursor");
    return seq === null ? null : Number(seq);
  };
  return { reader, second, worker, stream, savedCursor, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
