/** The ingester's process on bad days: the stream fails, the process is killed, frozen, or stopped with everything away. Nothing is lost. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AwsServers,
  consumeAll,
  createScene,
  savedItem,
  startAwsServers,
  startIngester,
} from "../support/aws-scene.ts";
import { type Fault, startFaultyProxy } from "../support/faulty-proxy.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

let servers: AwsServers;

beforeAll(async () => {
  servers = await startAwsServers();
});

afterAll(() => servers[Symbol.asyncDispose]());

describe("standpipe ingest with Kinesis, disturbed,", () => {
  test("brings the network through a stream that throttles, fails, loses answers and cuts connections", async () => {
    const scene = await createScene(servers);
    await using proxy = await startFaultyProxy(servers.kinesis.endpoint);
    const code = "ProvisionedThroughputExceededException";
    const faults: readonly Fault[] = [
      { kind: "partial", code, fails: (index) => index % 2 === 1 },
      { kind: "none" },
      { kind: "error", status: 400, type: code },
      { kind: "error-after", status: 500, type: "InternalFailure" },
      { kind: "cut" },
    ];
    let calls = 0;
    const next = () => faults[calls++ % faults.length] ?? { kind: "none" };
    proxy.decide = ({ action }) => (action === "PutRecords" ? next() : { kind: "none" });
    await using relay = await startRelay("--speed", "max");
    const env = { ...scene.env, AWS_ENDPOINT_URL_KINESIS: proxy.endpoint, RELAY_URL: relay.url };
    await using ingester = startIngester(env, "--exit-when-idle", "2");
    expect(await ingester.exit).toEqual({ code: 0, signal: null });
    expect(ingester.stdout()).toContain(`cursor ${LAST_SEQ} of`);
    expect(calls).toBeGreaterThan(faults.length);
    const { packs, faults: differing, gaps } = await consumeAll(scene);
    expect(differing).toEqual([]);
    expect(gaps).toBe(0);
    // What took place without an answer is there twice.
    expect(packs.reduce((sum, { header }) => sum + header.count, 0)).toBeGreaterThan(LAST_SEQ);
  }, 60_000);

  test("is killed in the middle and taken over within fifteen seconds by the one that stands by: nothing is lost", async () => {
    const scene = await createScene(servers);
    await using relay = await startRelay("--speed", "1500");
    const env = { ...scene.env, RELAY_URL: relay.url, STANDBY: "true" };
    await using first = startIngester(env);
    await first.until(({ cursor }) => (cursor ?? 0) > 500);
    await using second = startIngester(env, "--exit-when-idle", "2");
    await second.until(({ standbyFor }) => standbyFor !== null);
    expect(await second.ask("/health")).toMatchObject({
      code: 200,
      json: { status: "degraded", reason: expect.stringMatching(/holds the lease/) },
    });
    expect((await second.ask("/ready"))?.code).toBe(503);
    await first.until(({ cursor }) => (cursor ?? 0) > 1_500);
    await first.kill("SIGKILL");
    const killedAtMs = performance.now();
    await second.until(({ connected }) => connected);
    expect(performance.now() - killedAtMs).toBeLessThan(15_000);
    expect(await second.exit).toEqual({ code: 0, signal: null });
    expect(await savedItem(servers, scene)).toEqual({ seq: LAST_SEQ, fence: 2, released: true });
    const { packs, faults, gaps } = await consumeAll(scene);
    expect(faults).toEqual([]);
    expect(gaps).toBe(0);
    expect(new Set(packs.map(({ header }) => header.fence))).toEqual(new Set([1, 2]));
  }, 90_000);

  test("is frozen, replaced and woken up: it sends nothing that counts, says so and ends", async () => {
    const scene = await createScene(servers);
    await using relay = await startRelay("--speed", "1000");
    const env = { ...scene.env, RELAY_URL: relay.url, STANDBY: "true" };
    await using zombie = startIngester(env);
    await zombie.until(({ cursor }) => (cursor ?? 0) > 500);
    process.kill(zombie.pid, "SIGSTOP");
    await using second = startIngester(env, "--exit-when-idle", "2");
    await second.until(({ connected }) => connected);
    process.kill(zombie.pid, "SIGCONT");
    expect(await zombie.exit).toEqual({ code: 1, signal: null });
    expect(zombie.stderr()).toMatch(/^standpipe: .*another ingester \(.*\) has taken the lease over/m);
    expect(await second.exit).toEqual({ code: 0, signal: null });
    expect(await savedItem(servers, scene)).toEqual({ seq: LAST_SEQ, fence: 2, released: true });
    expect((await consumeAll(scene)).faults).toEqual([]);
  }, 90_000);

  test("stops in time also while stream and table are away, and what was not durable comes again", async () => {
    const scene = await createScene(servers);
    await using kinesis = await startFaultyProxy(servers.kinesis.endpoint);
    await using dynamo = await startFaultyProxy(servers.dynamo.endpoint);
    await using relay = await startRelay("--speed", "2000");
    const env = { ...scene.env, RELAY_URL: relay.url };
    const proxied = { AWS_ENDPOINT_URL_KINESIS: kinesis.endpoint, AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint };
    await using first = startIngester({ ...env, ...proxied });
    await first.until(({ cursor }) => (cursor ?? 0) > 500);
    kinesis.decide = () => ({ kind: "error", status: 500, type: "InternalFailure" });
    await first.until(({ streamTrouble }) => streamTrouble !== null);
    expect(await first.ask("/health")).toEqual({
      code: 200,
      json: { status: "degraded", reason: "stream: InternalFailure: InternalFailure by the proxy" },
    });
    dynamo.decide = () => ({ kind: "cut" });
    const askedAtMs = performance.now();
    expect(await first.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(performance.now() - askedAtMs).toBeLessThan(10_000);
    await using second = startIngester(env, "--exit-when-idle", "2");
    expect(await second.exit).toEqual({ code: 0, signal: null });
    const { faults, gaps } = await consumeAll(scene);
    expect(faults).toEqual([]);
    expect(gaps).toBe(0);
  }, 60_000);
});
