import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ListenError, type StatusServer, serveStatus } from "../../../lib/http/status-server.ts";
import { createCounters } from "../../../lib/telemetry/counters.ts";
import { createMetricsPage } from "../../../lib/telemetry/prometheus.ts";
import { healthOf, type StatusSnapshot } from "../../../lib/telemetry/status.ts";
import { exampleSnapshot } from "../../support/example-snapshot.ts";

let snapshot: StatusSnapshot;
let stuck: readonly string[];
let server: StatusServer;

beforeEach(async () => {
  snapshot = exampleSnapshot();
  stuck = [];
  const metrics = createMetricsPage(createCounters());
  server = await serveStatus(
    { snapshot: () => snapshot, health: (now) => healthOf(now, stuck), metrics },
    { host: "127.0.0.1", port: 0 },
  );
});
afterEach(() => server[Symbol.asyncDispose]());

const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${server.url}${path}`, init);

describe("/health", () => {
  test("is 200 when all is well", async () => {
    const response = await get("/health");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ok", reason: null });
  });

  test.each([
    ["relay", { connected: false, relayTrouble: "refused" }, "relay: refused"],
    ["database", { databaseConnected: false, databaseTrouble: "refused" }, "database: refused"],
    ["stream", { databaseConnected: null, streamTrouble: "throttled" }, "stream: throttled"],
    ["lease", { databaseConnected: null, connected: false, standbyFor: "other/1" }, "standby: other/1 holds the lease"],
  ])("stays 200 while the %s is away, degraded with the reason", async (_, changes, reason) => {
    snapshot = exampleSnapshot(changes);
    const response = await get("/health");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "degraded", reason });
  });

  test("is 503 when a stage is stuck", async () => {
    stuck = ["consume"];
    const response = await get("/health");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ status: "stuck", reason: expect.stringContaining("consume") });
  });
});

describe("/ready", () => {
  test("is 200 when connected and writing", async () => {
    const response = await get("/ready");
    expect(response.status).toBe(200);
  });

  test("asks for no database where there is none", async () => {
    snapshot = exampleSnapshot({ databaseConnected: null, streamTrouble: null, standbyFor: null });
    expect((await get("/ready")).status).toBe(200);
  });

  test.each([
    ["relay", { connected: false }],
    ["database", { databaseConnected: false }],
    ["stream", { databaseConnected: null, streamTrouble: "throttled" }],
    ["lease", { databaseConnected: null, standbyFor: "other/1" }],
  ])("is 503 while the %s is away", async (name, changes) => {
    snapshot = exampleSnapshot(changes);
    const response = await get("/ready");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ ready: false, reason: expect.stringContaining(name) });
  });
});

test("/status is the snapshot", async () => {
  const response = await get("/status");
  expect(response.headers.get("content-type")).toContain("application/json");
  expect(await response.json()).toEqual(snapshot);
});

test("/metrics is in Prometheus' format", async () => {
  const response = await get("/metrics");
  expect(response.headers.get("content-type")).toContain("text/plain");
  expect(await response.text()).toContain("# TYPE standpipe_cursor_seq gauge");
});

test("other paths are 404, other methods 405, HEAD has no body", async () => {
  expect((await get("/nothing")).status).toBe(404);
  expect((await get("/status", { method: "POST" })).status).toBe(405);
  const head = await get("/status?x=1", { method: "HEAD" });
  expect(head.status).toBe(200);
  expect(await head.text()).toBe("");
});

test("a port that is taken is a ListenError that names the cause", async () => {
  const port = Number(new URL(server.url).port);
  const second = serveStatus(
    { snapshot: () => snapshot, health: (now) => healthOf(now, []), metrics: createMetricsPage(createCounters()) },
    { host: "127.0.0.1", port },
  );
  await expect(second).rejects.toThrow(ListenError);
  await expect(second).rejects.toMatchObject({ code: "EADDRINUSE" });
});
