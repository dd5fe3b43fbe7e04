/** Settings in, the writer that gives packs to the function out, with the bucket for those that no call can hold. */
import type { IndexerSettings } from "../../lib/config/indexer-settings.ts";
import { createS3Client } from "../../lib/stream/kinesis/client.ts";
import { createLargePackStore } from "../../lib/stream/kinesis/large-packs.ts";
import { encodePackReference } from "../../lib/stream/kinesis/pack-reference.ts";
import { createLambdaClient } from "../../lib/stream/lambda/client.ts";
import { ANSWER_MARGIN_MS } from "../../lib/stream/lambda/limits.ts";
import { createFunctionWriter, type FunctionWriter } from "../../lib/stream/lambda/writer.ts";
import type { LongLivedProcess } from "../unified/process.ts";

export interface FunctionWriterParts {
  readonly surroundings: LongLivedProcess;
  readonly settings: { readonly LANES: number };
  readonly indexer: IndexerSettings;
}

/** What an event says where no region is set. */
const NO_REGION = "us-east-1";

/** Disposing ends the calls under way. */
export function openFunctionWriter({ surroundings, settings, indexer }: FunctionWriterParts): FunctionWriter {
  const { telemetry, vitals } = surroundings;
  const { region, endpoints, functionName, functionTimeoutMs, maxPacks, windowMs, sourceArn, bucket } = indexer;
  const client = createLambdaClient({
    region,
    endpoint: endpoints.lambda,
    answerTimeoutMs: functionTimeoutMs + ANSWER_MARGIN_MS,
    maxCalls: settings.LANES,
  });
  const s3 = createS3Client({ region, endpoint: endpoints.s3 });
  const largePacks = createLargePackStore({ client: s3, bucket });
  const writer = createFunctionWriter({
    client,
    functionName,
    origin: { sourceArn, region: region ?? NO_REGION },
    maxPacks,
    windowMs,
    async refer({ header }, bytes) {
      const reference = await largePacks.put(header, bytes);
      telemetry.count("large_packs_total");
      return encodePackReference(reference);
    },
    telemetry,
    random: Math.random,
    onTrouble: (trouble) => {
      vitals.writeTrouble = trouble;
    },
  });
  return {
    append: (pack) => writer.append(pack),
    hurry: () => writer.hurry(),
    [Symbol.dispose]() {
      writer[Symbol.dispose]();
      client.destroy();
      s3.destroy();
    },
  };
}
