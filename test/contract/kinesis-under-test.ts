/** A writer of ours and a reader in order of shards, on a new stream of a Kinesis API server, as the shared suite wants them. */
import { createKinesisClient } from "../../lib/stream/kinesis/client.ts";
import { createKinesisWriter } from "../../lib/stream/kinesis/writer.ts";
import { createMemoryStream } from "../../lib/stream/memory/memory-stream.ts";
import { CountingTelemetry } from "../support/counting-telemetry.ts";
import type { KinesisServer } from "../support/kinesis-local.ts";
import { createKinesisReader } from "../support/kinesis-reader.ts";
import type { StreamUnderTest } from "./stream-contract.ts";

/** Records are read as soon as they are there, and handed out by a memory stream, which has the port's reading side. */
export async function createKinesisUnderTest(server: KinesisServer): Promise<StreamUnderTest> {
  const streamName = await server.createStream();
  const client = createKinesisClient({ region: null, endpoint: server.endpoint });
  const telemetry = new CountingTelemetry();
  const writer = createKinesisWriter({
    client,
    streamName,
    largePacks: { put: () => Promise.reject(new Error("nothing is large here")) },
    guard: { holds: () => true, held: () => Promise.resolve() },
    telemetry,
    random: Math.random,
    onTrouble: () => undefined,
  });
  const reading = createMemoryStream({ maxBytes: 1_000_000 });
  const stop = new AbortController();
  let isClosed = false;
  let handedOn = 0;
  const pump = async () => {
    const source = createKinesisReader({ client, streamName });
    while (!stop.signal.aborted) {
      for (const { pack } of await source.next()) {
        reading.append(pack).catch(() => undefined);
        handedOn++;
      }
      if (isClosed && handedOn === telemetry.counted("put_records_total")) break;
    }
    if (!stop.signal.aborted) reading.close();
  };
  const pumping = pump();
  return {
    writer,
    reader: reading,
    close() {
      writer.close();
      isClosed = true;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      writer[Symbol.dispose]();
      await pumping;
      reading[Symbol.dispose]();
      client.destroy();
    },
  };
}
