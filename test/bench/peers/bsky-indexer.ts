/**
 * `node bsky-indexer.ts RELAY_URL DATABASE_URL LAST_SEQ`: what the relay sends, up to that seq, into the database by `@atproto/bsky`'s
 * `RepoSubscription` and `IndexingService` as they are. Prints one JSON line: when the last task was done, background queue included,
 * what the process cost from the subscription's start on, and how many records are there.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createSubscription, openDatabase } from "./bsky-service.ts";

const [service = "", databaseUrl = "", lastSeq = ""] = process.argv.slice(2);
const LOOK_EVERY_MS = 20;
const LIMIT_MS = 600_000;

const database = await openDatabase(databaseUrl);
const subscription = createSubscription({ service, database });
console.log("ready");
const before = process.cpuUsage();
await subscription.start();
// Moves over what is done without a hole, aggregates excepted.
for (const end = performance.now() + LIMIT_MS; subscription.getCursor() < Number(lastSeq); await sleep(LOOK_EVERY_MS)) {
  if (performance.now() > end)
    throw new Error(`at seq ${subscription.getCursor()} of ${lastSeq} after ${LIMIT_MS / 1000} s`);
}
await subscription.processAll();
const endedAtMs = Date.now();
const { user, system } = process.cpuUsage(before);
const { rows } = await database.pool.query(
  "SELECT split_part(uri, '/', 4) AS collection, count(*)::int AS count FROM record GROUP BY 1 ORDER BY 1",
);
console.log(
  JSON.stringify({
    endedAtMs,
    nodeCpuSeconds: (user + system) / 1e6,
    peakResidentBytes: process.resourceUsage().maxRSS * 1024,
    records: Object.fromEntries(rows.map(({ collection, count }) => [collection, count])),
  }),
);
await subscription.destroy();
await database.close();
