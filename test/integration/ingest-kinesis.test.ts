/** The ingester's process: a recorded network through a relay and Kinesis, into Postgres; stopped, and given wrong settings. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AwsServers,
  consumeAll,
  createScene,
  savedItem,
  startAwsServers,
  startIngester,
} from "../support/aws-scene.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

let servers: AwsServers;

beforeAll(async () => {
  servers = await startAwsServers();
});

afterAll(() => servers[Symbol.asyncDispose]());

describe("standpipe ingest with Kinesis", () => {
  test("brings a whole network into Postgres, and ends when nothing comes any more", async () => {
    const scene = await createScene(servers);
    await using relay = await startRelay("--speed", "max");
    const env = { ...scene.env, RELAY_URL: relay.url, EMF_NAMESPACE: "Standpipe" };
    await using ingester = startIngester(env, "--exit-when-idle", "5");
    await ingester.until(({ cursor }) => cursor === LAST_SEQ);
    expect((await ingester.ask("/health"))?.code).toBe(200);
    expect(await ingester.ask("/ready")).toEqual({ code: 200, json: { ready: true, reason: null } });
    expect((await ingester.ask("/status"))?.json).toMatchObject({
      command: "ingest",
      databaseConnected: null,
      streamTrouble: null,
      standbyFor: null,
      rows: null,
    });
    expect((await ingester.ask("/metrics"))?.json).toMatch(/^standpipe_put_records_total [1-9]/m);
    expect(await ingester.exit).toEqual({ code: 0, signal: null });
    expect(ingester.stdout()).toMatch(
      new RegExp(`^nothing new for 5 s: 6,501 events read, cursor ${LAST_SEQ} of 127`, "m"),
    );
    expect(ingester.stdout()).toMatch(/^\{"_aws":.*"Namespace":"Standpipe".*"received_events_total":6501/m);
    expect(await savedItem(servers, scene)).toEqual({ seq: LAST_SEQ, fence: 1, released: true });
    const { events, faults, gaps } = await consumeAll(scene);
    expect(faults).toEqual([]);
    expect(gaps).toBe(0);
    expect(events).toBe(LAST_SEQ);
  }, 60_000);

  test("begins a first start where --from says, and goes on from its cursor whatever it says later", async () => {
    const scene = await createScene(servers);
    await using relay = await startRelay("--speed", "max");
    const env = { ...scene.env, RELAY_URL: relay.url };
    await using first = startIngester(env, "--from", "6000", "--exit-when-idle", "2");
    await first.waitForLine(/"after":6000,"msg":"reading"/);
    await first.until(({ cursor }) => cursor === LAST_SEQ);
    expect(await first.exit).toEqual({ code: 0, signal: null });
    await using second = startIngester(env, "--from", "oldest", "--exit-when-idle", "2");
    await second.waitForLine(new RegExp(`"cursor":${LAST_SEQ},"msg":"connected to relay"`));
    expect(await second.exit).toEqual({ code: 0, signal: null });
    const packs = (await scene.reader().all()).map(({ pack }) => pack.header);
    expect(Math.min(...packs.map(({ firstSeq }) => firstSeq))).toBe(6001);
    expect(packs.reduce((sum, { count }) => sum + count, 0)).toBe(LAST_SEQ - 6000);
  }, 60_000);

  test("drains at SIGTERM within ten seconds, and the next one goes on at once", async () => {
    const scene = await createScene(servers);
    await using relay = await startRelay("--speed", "3000");
    const env = { ...scene.env, RELAY_URL: relay.url };
    await using first = startIngester(env);
    await first.until(({ cursor }) => (cursor ?? 0) > 500);
    const askedAtMs = performance.now();
    expect(await first.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(performance.now() - askedAtMs).toBeLessThan(10_000);
    const { seq, released } = await savedItem(servers, scene);
    expect(released).toBe(true);
    await using second = startIngester(env, "--exit-when-idle", "2");
    await second.until(({ cursor }) => (cursor ?? 0) >= seq);
    expect(performance.now() - askedAtMs).toBeLessThan(10_000);
    expect(await second.exit).toEqual({ code: 0, signal: null });
    const { events, faults } = await consumeAll(scene);
    expect(faults).toEqual([]);
    // Drained: the second one has read nothing again.
    expect(events).toBe(LAST_SEQ);
  }, 60_000);

  test("ends with 2 where a person has to mend something, and says what", async () => {
    const scene = await createScene(servers);
    const env = { ...scene.env, RELAY_URL: "ws://127.0.0.1:9" };
    const endOf = async (given: Readonly<Record<string, string>>) => {
      await using ingester = startIngester({ ...env, ...given });
      const { code } = await ingester.exit;
      return `${code} ${ingester.stderr().split("\n").at(-1)}`;
    };
    expect(await endOf({ DYNAMODB_TABLE_NAME: "" })).toMatch(/^2 standpipe: DYNAMODB_TABLE_NAME is not set/);
    expect(await endOf({ LARGE_PACKS_BUCKET: "" })).toMatch(/^2 standpipe: LARGE_PACKS_BUCKET is not set/);
    expect(await endOf({ KINESIS_STREAM_NAME: "nothing" })).toMatch(
      /^2 standpipe: KINESIS_STREAM_NAME=nothing: there is no such stream/,
    );
    expect(await endOf({ DYNAMODB_TABLE_NAME: "nothing" })).toMatch(
      /^2 standpipe: DYNAMODB_TABLE_NAME=nothing: there is no such table/,
    );
    await using holder = startIngester(env);
    await holder.waitForLine(/the lease is taken/);
    expect(await endOf({ LANES: "4" })).toMatch(/^2 standpipe: LANES=4: .*LANES=8/);
    expect(await holder.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  }, 60_000);
});
