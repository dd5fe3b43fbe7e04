/** Postgres away for long: nothing is given up, and afterwards everything is applied in order. */
import { expect, test, vi } from "vitest";
import type { MappingCall } from "../support/event-source-mapping/mapping.ts";
import { sharedServers } from "./servers.ts";
import { startWay } from "./way.ts";
import { faultsOf } from "./whole-end.ts";

const servers = sharedServers();
const RETRIES = 100;

/** Of the batch that was tried most often: calls in vain that began with the same record. */
function mostTries(calls: readonly MappingCall[]): number {
  const tries = Map.groupBy(calls.filter(isInVain), ({ records }) => records[0]?.sequenceNumber);
  return Math.max(0, ...Array.from(tries.values(), ({ length }) => length));
}

/** Nothing of it was done, and all of it is asked for again. */
function isInVain({ records, invocation }: MappingCall): boolean {
  const first = { itemIdentifier: records[0]?.sequenceNumber };
  const answer = JSON.stringify({ batchItemFailures: [first] });
  return invocation.kind === "answered" && JSON.stringify(invocation.payload) === answer;
}

test(`Postgres away for longer than ${RETRIES} retries of a batch: the failure bucket is empty, and everything is applied in order`, async () => {
  await using way = await startWay({
    servers: servers(),
    settings: { batchingWindowMs: 500 },
    pacing: { retryAfterMs: () => 20 },
  });
  await using ingester = way.ingest();
  await vi.waitFor(() => expect(way.mapping.done).toBeGreaterThan(0), { timeout: 60_000 });
  await way.databasePort.shut();
  await vi.waitFor(() => expect(mostTries(way.calls)).toBeGreaterThan(RETRIES), { timeout: 120_000, interval: 200 });
  expect(await ingester.exit).toEqual({ code: 0, signal: null });
  expect(way.failedBatches()).toEqual([]);
  await way.databasePort.open();
  await way.mapping.caughtUp();
  expect(await faultsOf(way, servers())).toEqual([]);
});
