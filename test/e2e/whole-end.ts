/** A way that is at its end in; out: everything in which it differs from what an undisturbed run over the recording leaves, one line each. */
import { Pool } from "pg";
import { type AwsServers, savedItem } from "../support/aws-scene.ts";
import { createKinesisSource } from "../support/event-source-mapping/kinesis-source.ts";
import type { ShardPage } from "../support/event-source-mapping/port.ts";
import { expectedCounts, storedCounts } from "../support/expected-counts.ts";
import { differences, valueDifferences } from "../support/expected-end.ts";
import { LAST_SEQ } from "../support/unified-process.ts";
import type { Way } from "./way.ts";

/** Records and their bytes, values, accounts, counters, dead letters, gaps, marks, broken chains, the cursor, and the failure bucket. */
export async function faultsOf(way: Way, servers: AwsServers): Promise<readonly string[]> {
  const pool = new Pool({ connectionString: way.database.connectionString, max: 1 });
  try {
    const found = [...(await differences(pool)), ...(await valueDifferences(pool)), ...(await countDifferences(pool))];
    for (const [what, query] of Object.entries(LEFT_OVER)) {
      const { rows } = await pool.query<{ line: string }>(query);
      found.push(...rows.map(({ line }) => `${what}: ${line}`));
    }
    found.push(...(await unseenRecords(way)));
    const { seq } = await savedItem(servers, way.scene);
    if (seq !== LAST_SEQ) found.push(`cursor: ${seq} is saved, ${LAST_SEQ} is right`);
    return [...found, ...way.failedBatches().map((key) => `failed batch: ${key}`)];
  } finally {
    await pool.end();
  }
}

const LEFT_OVER = {
  gap: "SELECT reason || ': ' || detail AS line FROM gaps ORDER BY id",
  mark: "SELECT to_jsonb(m)::text AS line FROM standpipe.mark AS m",
  // Counted where a commit does not continue what is there: so it would be after a change of order.
  "broken chain": "SELECT actor || ': ' || broken AS line FROM standpipe.repo WHERE broken > 0",
  "last seq": `SELECT max(applied_seq)::text AS line FROM firehose_cursor HAVING max(applied_seq) <> ${LAST_SEQ}`,
} as const;

/** Of the stream itself, so that nobody looks for a fault of the function where the stream's stand-in or the mapping has one. */
async function unseenRecords({ calls, discarded, streamClient, scene }: Way): Promise<string[]> {
  const known = [...calls.flatMap(({ records }) => records), ...discarded];
  const seen = new Set(known.map(({ sequenceNumber }) => sequenceNumber));
  const source = createKinesisSource({ client: streamClient, streamName: scene.streamName });
  const unseen: string[] = [];
  for (const { shardId } of await source.list()) {
    let iterator: string | null = await source.begin(shardId);
    for (let empty = 0; iterator !== null && empty < 2; ) {
      const { records, next }: ShardPage = await source.read(iterator);
      for (const { sequenceNumber } of records)
        if (!seen.has(sequenceNumber)) unseen.push(`${shardId} ${sequenceNumber}`);
      empty = records.length === 0 ? empty + 1 : 0;
      iterator = next;
    }
  }
  return unseen.map((place) => `record that neither function nor bucket got: ${place}`);
}

async function countDifferences(pool: Pool): Promise<string[]> {
  const stored = await storedCounts(pool);
  const expected = await expectedCounts();
  return [
    ...without(stored, expected).map((line) => `counter stored: ${line}`),
    ...without(expected, stored).map((line) => `counter expected: ${line}`),
  ];
}

function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const known = new Set(others);
  return lines.filter((line) => !known.has(line));
}
