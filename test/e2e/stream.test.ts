/** The whole way on a good day, and with a stream that refuses, fails and loses answers. */
import { expect, test } from "vitest";
import type { Fault } from "../support/faulty-proxy.ts";
import { sharedServers } from "./servers.ts";
import { startWay } from "./way.ts";
import { faultsOf } from "./whole-end.ts";

const servers = sharedServers();

test("undisturbed: the network from the relay into Postgres, by as many processes as there are batches at a time", async () => {
  await using way = await startWay({ servers: servers() });
  await using ingester = way.ingest();
  expect(await ingester.exit).toEqual({ code: 0, signal: null });
  await way.mapping.caughtUp();
  expect(await faultsOf(way, servers())).toEqual([]);
  expect(way.calls.filter(({ invocation }) => invocation.kind !== "answered")).toEqual([]);
  // Two shards, two batches each; a process serves one call after the other.
  expect(way.fn.started).toBeLessThanOrEqual(4);
  expect(way.mapping.calls).toBeGreaterThan(way.fn.started);
});

const THROTTLED = "ProvisionedThroughputExceededException";
const PUT_FAULTS: readonly Fault[] = [
  { kind: "partial", code: THROTTLED, fails: (index) => index % 2 === 1 },
  { kind: "partial", code: "InternalFailure", fails: (index) => index % 3 === 0 },
  { kind: "none" },
  { kind: "error", status: 400, type: THROTTLED },
  { kind: "error", status: 500, type: "InternalFailure" },
  { kind: "error-after", status: 500, type: "InternalFailure" },
  { kind: "cut" },
  { kind: "none" },
];

test("throttles, partial failures, 500s and lost answers of PutRecords, throttled reads and calls", async () => {
  await using way = await startWay({ servers: servers(), settings: { batchingWindowMs: 500 } });
  const seen = { PutRecords: 0, GetRecords: 0 };
  way.stream.decide = ({ action }) => {
    if (action === "PutRecords") return PUT_FAULTS[seen.PutRecords++ % PUT_FAULTS.length] ?? { kind: "none" };
    if (action !== "GetRecords") return { kind: "none" };
    return seen.GetRecords++ % 3 === 0 ? { kind: "error", status: 400, type: THROTTLED } : { kind: "none" };
  };
  way.fn.throttleNext(5);
  await using ingester = way.ingest();
  expect(await ingester.exit).toEqual({ code: 0, signal: null });
  await way.mapping.caughtUp();
  expect(seen.PutRecords).toBeGreaterThan(PUT_FAULTS.length);
  expect(way.calls.filter(({ invocation }) => invocation.kind === "not-called")).toHaveLength(5);
  expect(await faultsOf(way, servers())).toEqual([]);
});
