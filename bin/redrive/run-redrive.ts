/** Settings and a place in, its failed batches on the stream again: the whole of `standpipe redrive`, without what is around it. */
import type { Settings } from "../../lib/config/processes.ts";
import { createFolderSource } from "../../lib/redrive/folder-source.ts";
import type { BatchSource, RecordSink } from "../../lib/redrive/port.ts";
import { type RedriveCounts, type RedriveOptions, redrive } from "../../lib/redrive/redrive.ts";
import { createS3Source } from "../../lib/redrive/s3-source.ts";
import { checkStream, createKinesisClient, createS3Client } from "../../lib/stream/kinesis/client.ts";
import { createRecordWriter, placeRecord } from "../../lib/stream/kinesis/record-writer.ts";
import type { Telemetry } from "../../lib/telemetry/port.ts";
import type { Origin } from "./origin.ts";

export interface RedriveRunOptions extends Pick<RedriveOptions, "isForced" | "isDryRun" | "limit" | "signal" | "tell"> {
  readonly settings: Settings<"redrive">;
  readonly streamName: string;
  readonly origin: Origin;
  readonly telemetry: Telemetry;
}

/** A person waits: a stream that takes nothing for so long is told, and the next run goes on from there. */
const GIVE_UP_AFTER_MS = 60_000;
/** Of each call to S3: nobody else tries it again. */
const ATTEMPTS = 4;

/** Rejects as `redrive` does, and with KinesisStreamError or RedriveSourceError where stream, bucket or folder is not there. */
export async function runRedrive(options: RedriveRunOptions): Promise<RedriveCounts> {
  const { settings, streamName, isDryRun } = options;
  await using resources = new AsyncDisposableStack();
  const client = createKinesisClient({ region: settings.AWS_REGION, endpoint: settings.AWS_ENDPOINT_URL_KINESIS });
  resources.defer(() => client.destroy());
  if (!isDryRun) await checkStream(client, streamName);
  const source = openSource(options, resources);
  const writer = createRecordWriter({
    ...options,
    client,
    random: Math.random,
    giveUpAfterMs: GIVE_UP_AFTER_MS,
    nowMs: () => performance.now(),
  });
  const sink = recordSink(writer, { lanes: settings.LANES });
  return await redrive({ ...options, source, sink, nowMs: Date.now, tombstoneDays: settings.TOMBSTONE_DAYS });
}

function openSource({ settings, origin }: RedriveRunOptions, resources: AsyncDisposableStack): BatchSource {
  if (origin.kind === "folder") return createFolderSource(origin);
  const client = createS3Client({
    region: settings.AWS_REGION,
    endpoint: settings.AWS_ENDPOINT_URL_S3,
    attempts: ATTEMPTS,
  });
  resources.defer(() => client.destroy());
  return createS3Source({ client, ...origin });
}

function recordSink(writer: ReturnType<typeof createRecordWriter>, place: { readonly lanes: number }): RecordSink {
  return {
    inspect(record) {
      const placed = placeRecord(record, place);
      return placed.ok ? { ok: true, events: placed.events } : { ok: false, refused: placed.reason };
    },
    put: (records) =>
      writer.put(
        records.flatMap((record) => {
          const placed = placeRecord(record, place);
          return placed.ok ? [placed.record] : [];
        }),
      ),
  };
}
