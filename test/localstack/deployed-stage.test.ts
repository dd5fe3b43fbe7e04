/** The reduced stage, deployed: a recording through the ingester on this machine, LocalStack's Kinesis and the deployed function into Postgres. */
import { setTimeout as sleep } from "node:timers/promises";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { Pool } from "pg";
import { expect, it } from "vitest";
import { STAGES } from "../../lib/infra/stage.ts";
import { startIngester } from "../support/aws-scene.ts";
import { createCursorTable } from "../support/dynalite.ts";
import { differences } from "../support/expected-end.ts";
import { AWS_ENVIRONMENT } from "../support/kinesis-local.ts";
import { deployedOutput, describeOnLocalStack, LOCALSTACK_POSTGRES_URL } from "../support/localstack.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

/** Containers of functions start slowly, and its mapping takes a few records at a time. */
const LIMIT_MS = 300_000;
const LOOK_EVERY_MS = 2_000;

describeOnLocalStack("the stage localstack", (endpoint) => {
  it(
    "brings a whole network into Postgres, each record by its bytes and each counter",
    async () => {
      await using relay = await startRelay("--speed", "max");
      await using ingester = startIngester(
        {
          ...AWS_ENVIRONMENT,
          RELAY_URL: relay.url,
          LANES: String(STAGES.localstack.stream.lanes),
          KINESIS_STREAM_NAME: deployedOutput("stream", "StreamName"),
          // A cursor of its own: the test may be run again, and what comes again changes nothing.
          DYNAMODB_TABLE_NAME: await createCursorTable(new DynamoDBClient({ endpoint })),
          LARGE_PACKS_BUCKET: deployedOutput("stream", "LargePacksBucketName"),
          AWS_ENDPOINT_URL_KINESIS: endpoint,
          AWS_ENDPOINT_URL_DYNAMODB: endpoint,
          AWS_ENDPOINT_URL_S3: endpoint,
        },
        "--exit-when-idle",
        "3",
      );
      expect(await ingester.exit).toEqual({ code: 0, signal: null });
      expect(ingester.stdout()).toContain(`cursor ${LAST_SEQ} of`);
      expect(await differencesInTheEnd()).toEqual([]);
    },
    LIMIT_MS,
  );

  it("has the alarms that say so if it did not", async () => {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        // Nobody checks it; the service is told by it.
        authorization:
          "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=0",
      },
      body: "Action=DescribeAlarms&Version=2010-08-01",
    });
    const alarms = await response.text();
    for (const id of ["no-ingest", "stale-rows", "failed-batches"]) {
      expect(alarms).toContain(`standpipe-${STAGES.localstack.name}-${id}`);
    }
  });
});

/** Looks until there are none, or there is no time left. */
async function differencesInTheEnd(): Promise<readonly string[]> {
  const pool = new Pool({ connectionString: LOCALSTACK_POSTGRES_URL, max: 1 });
  try {
    for (const end = performance.now() + LIMIT_MS / 2; ; await sleep(LOOK_EVERY_MS)) {
      const found = await differences(pool);
      if (found.length === 0 || performance.now() > end) return found;
    }
  } finally {
    await pool.end();
  }
}
