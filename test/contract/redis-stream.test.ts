/** Packs in Redis behind the shared suite: the writer with its ledger, and a reader of each lane in front of a queue. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { createRedisCheckpoint } from "../../lib/checkpoint/redis/checkpoint.ts";
import type { Pack } from "../../lib/core/pack.ts";
import { createMemoryStream } from "../../lib/stream/memory/memory-stream.ts";
import { createRedisClient } from "../../lib/stream/redis/client.ts";
import { packForm, packKeys } from "../../lib/stream/redis/entry-form.ts";
import { createPackPacker } from "../../lib/stream/redis/entry-packs.ts";
import { StreamRoom } from "../../lib/stream/redis/keep-room.ts";
import { createRedisReader } from "../../lib/stream/redis/reader.ts";
import { WaitingBytes } from "../../lib/stream/redis/waiting-bytes.ts";
import { createRedisWriter } from "../../lib/stream/redis/writer.ts";
import { CountingTelemetry } from "../support/counting-telemetry.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";
import { describeStreamContract, type StreamUnderTest } from "./stream-contract.ts";

const LANES = 4;

describeWithRedis("with a real Redis", () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  afterAll(() => server[Symbol.asyncDispose]());

  describeStreamContract({ name: "the Redis stream", appendResolvesWhen: "stored", create, schedules: 20 });

  /** What is read is handed out by a memory stream, which has the port's reading side: as in the worker's process. */
  async function create(): Promise<StreamUnderTest> {
    const key = `stream-${randomBytes(6).toString("hex")}`;
    const group = "readers";
    const telemetry = new CountingTelemetry();
    await using opening = new AsyncDisposableStack();
    const connect = () => {
      const client = createRedisClient({ url: server.url, name: "contract" });
      opening.defer(() => client.disconnect());
      return client;
    };
    const client = connect();
    const ledger = createRedisCheckpoint({
      client,
      cursorKey: `${key}:cursor`,
      firstRelay: "relay.test",
      holdsLanes: true,
    });
    await ledger.acquire({ lanes: LANES });
    const writer = createRedisWriter<Pack>({
      ledger,
      form: await packForm(client, { key, lanes: LANES }),
      room: new StreamRoom({
        client,
        keys: packKeys(key, LANES),
        group,
        protectsAllGroups: false,
        maxEvents: 100_000,
        measure: "packs",
        telemetry,
      }),
      maxLength: null,
      telemetry,
      random: Math.random,
      onTrouble: () => undefined,
    });
    const queue = createMemoryStream({ maxBytes: 1_000_000 });
    const stop = new AbortController();
    let handedOn = 0;
    let appended = 0;
    let isClosed = false;
    const closeWhenRead = () => {
      if (isClosed && handedOn === appended) queue.close();
    };
    const readers = packKeys(key, LANES).map((each) =>
      createRedisReader({
        client,
        blocking: connect(),
        key: each,
        group,
        consumer: "worker",
        packer: createPackPacker({ stream: each, fence: 1, lanes: LANES, places: new Map(), maxDeliveries: 10 }),
        readCount: 10,
        queue: { append: (pack) => queue.append(pack) },
        waiting: new WaitingBytes(1_000_000),
        isOurs: () => false,
        keepUnreadable: () => Promise.reject(new Error("everything can be read here")),
        maxDeadLetters: 10,
        telemetry,
        random: Math.random,
        onEntries(groups) {
          handedOn += groups.length;
          closeWhenRead();
        },
        onTrouble: () => undefined,
      }).run(stop.signal),
    );
    const owned = opening.move();
    return {
      writer: {
        async append(pack) {
          const { relay, epoch, lastSeq } = pack.header;
          await writer.append({ items: [pack], cursor: { relay, epoch, seq: lastSeq, timeMs: null } });
          appended++;
          closeWhenRead();
        },
      },
      reader: withoutSource(queue),
      close() {
        writer.close();
        isClosed = true;
        closeWhenRead();
      },
      async [Symbol.asyncDispose]() {
        stop.abort();
        writer[Symbol.dispose]();
        queue[Symbol.dispose]();
        await Promise.all(readers);
        await owned.disposeAsync();
      },
    };
  }
});

function withoutSource(queue: ReturnType<typeof createMemoryStream>): StreamUnderTest["reader"] {
  return { read: (options) => queue.read(options) };
}
