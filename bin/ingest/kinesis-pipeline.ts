/** Relay → packs → Kinesis, with the cursor in DynamoDB, put together. */
import { hostname } from "node:os";
import { createDynamoCheckpoint, type DynamoCheckpoint } from "../../lib/checkpoint/dynamodb/checkpoint.ts";
import { createDynamoClient } from "../../lib/checkpoint/dynamodb/client.ts";
import { LeaseClosedError, LeaseLostError } from "../../lib/checkpoint/dynamodb/errors.ts";
import { leaseTimes } from "../../lib/checkpoint/dynamodb/limits.ts";
import type { KinesisSettings } from "../../lib/config/kinesis-settings.ts";
import type { Settings } from "../../lib/config/processes.ts";
import { compileCollectionFilter } from "../../lib/core/collection-filter.ts";
import type { Gap } from "../../lib/core/cursor.ts";
import { MAX_SEAL_BYTES } from "../../lib/core/pack.ts";
import { settingsWithWaits } from "../../lib/firehose/websocket/settings.ts";
import { createWebsocketSource } from "../../lib/firehose/websocket/source.ts";
import { createIngest } from "../../lib/ingest/ingest.ts";
import { untilAborted } from "../../lib/ingest/until-aborted.ts";
import { checkStream, createKinesisClient, createS3Client } from "../../lib/stream/kinesis/client.ts";
import { createLargePackStore } from "../../lib/stream/kinesis/large-packs.ts";
import { createKinesisWriter, type KinesisWriter } from "../../lib/stream/kinesis/writer.ts";
import { isWrongUse } from "../exit-codes.ts";
import type { FirstPlace } from "../options.ts";
import type { LongLivedProcess } from "../unified/process.ts";
import { namedPlace, withFirstCursors } from "./first-cursors.ts";
import type { IngestPipeline } from "./run-ingest.ts";
import { savedCursors } from "./saved-cursors.ts";
import { whenAnswering } from "./when-answering.ts";

export interface KinesisPipelineOptions {
  readonly surroundings: LongLivedProcess;
  readonly settings: Settings<"ingest">;
  readonly kinesis: KinesisSettings;
  /** Where reading begins while no cursor is known. */
  readonly from: FirstPlace;
  /** Asks for a drain; ends the waiting for the lease. */
  readonly stop: AbortSignal;
}

/** Events of one pack at the most: what a consumer takes in one transaction. */
const PACK_EVENTS = 500;
/** What a crash costs to replay, and each save costs a write in DynamoDB. */
const SAVE_EVERY_MS = 1_000;

/** Waits for the lease. Rejects with what a person has to mend, and with the reason of `stop`. */
export async function openKinesisPipeline(options: KinesisPipelineOptions): Promise<IngestPipeline> {
  const { surroundings, settings, kinesis } = options;
  const { telemetry, vitals, waitShare } = surroundings;
  await using resources = new AsyncDisposableStack();
  const client = createKinesisClient({ region: kinesis.region, endpoint: kinesis.endpoints.kinesis });
  resources.defer(() => client.destroy());
  const s3 = createS3Client({ region: kinesis.region, endpoint: kinesis.endpoints.s3 });
  resources.defer(() => s3.destroy());
  await whenAnswering(() => checkStream(client, kinesis.streamName), {
    ...options,
    who: "AWS",
    worthRetrying: (error) => !isWrongUse(error) && !isOver(error),
  });
  const checkpoint = openCheckpoint(options, resources);
  const writer = resources.use(
    createKinesisWriter({
      client,
      streamName: kinesis.streamName,
      largePacks: createLargePackStore({ client: s3, bucket: kinesis.bucket }),
      guard: checkpoint,
      telemetry,
      waitShare,
      random: Math.random,
      onTrouble: (trouble) => {
        vitals.writeTrouble = trouble;
      },
    }),
  );
  const ingest = resources.use(
    await createIngest({
      lanes: settings.LANES,
      writer,
      checkpoint,
      recordGap: (gap) => recordDurably(gap, writer, options),
      keepsCollection: compileCollectionFilter(settings.COLLECTIONS),
      flush: { maxEvents: PACK_EVENTS, maxBytes: MAX_SEAL_BYTES, maxAgeMs: settings.FLUSH_AFTER_MS },
      maxInFlightBytes: settings.MAX_IN_FLIGHT_MB * 1e6,
      saveEveryMs: SAVE_EVERY_MS * waitShare,
      telemetry,
      nowMs: Date.now,
    }),
  );
  const cursors = withFirstCursors(checkpoint, namedPlace(settings.RELAY_URL, options.from));
  const source = createWebsocketSource({
    relays: settings.RELAY_URL,
    cursors,
    telemetry,
    settings: settingsWithWaits(waitShare),
  });
  vitals.savedCursors = await savedCursors(cursors, settings.RELAY_URL);
  vitals.source = () => source.state();
  vitals.ingest = () => ingest.state();
  const owned = resources.move();
  const failed = Promise.race([ingest.failed, checkpoint.lost]).then((fault) => Promise.reject(fault));
  // Whoever looks at it later still sees the rejection; nobody may have to.
  failed.catch(() => undefined);
  return {
    read: (signal) => source.run(ingest, signal),
    failed,
    drain: (signal) => ingest.drain(signal),
    async [Symbol.asyncDispose]() {
      vitals.source = null;
      vitals.ingest = null;
      await owned.disposeAsync();
    },
  };
}

function openCheckpoint(options: KinesisPipelineOptions, resources: AsyncDisposableStack): DynamoCheckpoint {
  const { surroundings, kinesis, stop } = options;
  const { telemetry, vitals } = surroundings;
  const client = createDynamoClient({ region: kinesis.region, endpoint: kinesis.endpoints.dynamodb });
  resources.defer(() => client.destroy());
  return resources.use(
    createDynamoCheckpoint({
      client,
      tableName: kinesis.tableName,
      name: kinesis.streamName,
      // One host may run several one after another under the same pid, as containers do.
      owner: `${hostname()}/${process.pid}/${Date.now().toString(36)}`,
      standby: kinesis.standby,
      times: leaseTimes(surroundings.waitShare),
      signal: stop,
      telemetry,
      onStandby(holder) {
        vitals.standbyFor = holder;
        telemetry.gauge("standby", holder === null ? 0 : 1);
      },
      onTrouble(trouble) {
        vitals.connectTrouble = trouble;
      },
    }),
  );
}

/** Reading goes on behind a gap when it is durable: with the stream away, it waits. */
async function recordDurably(gap: Gap, writer: KinesisWriter, options: KinesisPipelineOptions): Promise<void> {
  const { settings, stop, surroundings } = options;
  await untilAborted(stop, [writer.recordGap(gap, { lanes: settings.LANES })]);
  surroundings.telemetry.log.warn("a span of the stream may be missing", {
    reason: gap.reason,
    relay: gap.relay,
    afterSeq: gap.afterSeq,
    beforeSeq: gap.beforeSeq,
    detail: gap.detail,
  });
}

function isOver(error: unknown): boolean {
  return error instanceof LeaseLostError || error instanceof LeaseClosedError;
}
