/** `standpipe rewind`: the ingester's cursor moved back under the fence, and what is read twice by then, in Postgres. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { DynamoCheckpoint } from "../../lib/checkpoint/dynamodb/checkpoint.ts";
import {
  type AwsScene,
  type AwsServers,
  consumeAll,
  createScene,
  openCheckpoint,
  savedItem,
  startAwsServers,
  startIngester,
} from "../support/aws-scene.ts";
import { timeOfSeq } from "../support/event-frames.ts";
import { type EndedCommand, runCommand } from "../support/run-command.ts";
import { runSource } from "../support/running-source.ts";
import { startScriptedRelay } from "../support/scripted-relay.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";
import { relayWith } from "../support/windowed-relay.ts";

let servers: AwsServers;
let scene: AwsScene;

beforeAll(async () => {
  servers = await startAwsServers();
});

afterAll(() => servers[Symbol.asyncDispose]());

beforeEach(async () => {
  scene = await createScene(servers);
});

const rewind = (...args: readonly string[]): Promise<EndedCommand> => runCommand(["rewind", ...args], scene.env);

const NOW_MS = Date.now();
const cursor = (seq: number, { relay = "relay.test", epoch = 1, timeMs = NOW_MS + seq } = {}) => ({
  relay,
  epoch,
  seq,
  timeMs,
});

const open = (owner: string): DynamoCheckpoint => openCheckpoint(servers, scene, owner);

describe("standpipe rewind", () => {
  test("moves the cursor back under a holder that lives, which is fenced and can save nothing over it", async () => {
    await using holder = open("a");
    const held = await holder.acquire({ lanes: 8 });
    await holder.save(cursor(500), held);
    const { code, out, err } = await rewind("--to", "120");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^the cursor of relay\.test goes back from 500 \(20.*Z\) to 120; .* fenced \(2\)/);
    // Given back at once: nobody has to wait for it to run out.
    expect(await savedItem(servers, scene)).toEqual({ seq: 120, fence: held.fence + 1, released: true });
    expect(await holder.save(cursor(501), held)).toBe("fenced");
    await using next = open("b");
    expect(await next.acquire({ lanes: 8 })).toEqual({ fence: held.fence + 2 });
    expect(await next.load("relay.test")).toEqual({ ...cursor(120), timeMs: null });
    expect(await next.lastDurableTimeMs()).toBeNull();
  });

  test("keeps the epoch, the number of lanes and what other relays' cursors say", async () => {
    await using holder = open("a");
    const held = await holder.acquire({ lanes: 8 });
    await holder.save(cursor(70, { relay: "other.test" }), held);
    await holder.save(cursor(500, { epoch: 3 }), held);
    expect((await rewind("--to", "0")).code).toBe(0);
    await using next = open("b");
    await next.acquire({ lanes: 8 });
    expect(await next.load("relay.test")).toEqual({ ...cursor(0, { epoch: 3 }), timeMs: null });
    expect(await next.load("other.test")).toEqual(cursor(70, { relay: "other.test" }));
  });

  test("changes nothing where it would go forward, to a forgotten time, or has nothing to go back from", async () => {
    expect(await rewind("--to", "5")).toMatchObject({ code: 2, err: expect.stringContaining("has no cursor of any") });
    await using holder = open("a");
    const held = await holder.acquire({ lanes: 8 });
    await holder.save(cursor(500), held);
    const later = new Date(NOW_MS + 60_000).toISOString();
    const forgotten = new Date(NOW_MS - 5 * 86_400_000).toISOString();
    expect(await rewind("--to", "501")).toMatchObject({ code: 2, err: expect.stringContaining("it only goes back") });
    expect(await rewind("--to", later)).toMatchObject({ code: 2, err: expect.stringContaining("it only goes back") });
    expect(await rewind("--to", forgotten)).toMatchObject({ code: 2, err: expect.stringContaining("TOMBSTONE_DAYS") });
    expect(await rewind("--to", "5", "--relay", "else.test")).toMatchObject({ code: 2 });
    expect(await holder.save(cursor(502), held)).toBe("saved");
    expect((await rewind("--to", forgotten, "--force")).code).toBe(0);
  });

  test.each([
    [["--to", "yesterday"], {}, "Must be a seq, or a time such as"],
    [["--to", "2026-11-20 08:00"], {}, "Must be a seq, or a time such as"],
    [["--to", "2026-13-40T08:00Z"], {}, "Must be a seq, or a time such as"],
    [[], {}, "required option '--to <place>'"],
    [["--to", "1"], { DYNAMODB_TABLE_NAME: "" }, "DYNAMODB_TABLE_NAME is not set"],
    [["--to", "1"], { DYNAMODB_TABLE_NAME: "missing" }, "there is no such table"],
  ])("refuses %j with %j", async (args, environment, reason) => {
    const { code, err } = await runCommand(["rewind", ...args], { ...scene.env, ...environment });
    expect([code, err]).toEqual([2, expect.stringContaining(reason)]);
  });
});

describe("an ingester after a rewind", () => {
  test("ends where it is fenced, and its successor reads from the seq again, without harm", async () => {
    await using relay = await startRelay("--speed", "max");
    const env = { ...scene.env, RELAY_URL: relay.url };
    await using first = startIngester(env);
    const savedSeq = async () => (await savedItem(servers, scene)).seq;
    await vi.waitFor(async () => expect(await savedSeq()).toBe(LAST_SEQ), { timeout: 30_000, interval: 50 });
    const back = LAST_SEQ - 1_000;
    expect(await rewind("--to", String(back))).toMatchObject({ code: 0, err: "" });
    expect(await first.exit).toEqual({ code: 1, signal: null });
    await using second = startIngester(env, "--exit-when-idle", "2");
    expect(await second.exit).toEqual({ code: 0, signal: null });
    expect(second.stdout()).toMatch(/1,000 events read/);
    expect(await savedSeq()).toBe(LAST_SEQ);
    const { packs, faults, gaps } = await consumeAll(scene);
    expect([faults, gaps]).toEqual([[], 0]);
    const again = packs.filter(({ header }) => header.fence > 1).reduce((sum, { header }) => sum + header.count, 0);
    expect(again).toBe(1_000);
  }, 120_000);

  test("is sent to five minutes before the time that was asked for, wherever the cursor was", async () => {
    const newest = 72 * 3600;
    await using relay = await startScriptedRelay(relayWith({ oldest: 1, newest }));
    await using holder = open("a");
    const held = await holder.acquire({ lanes: 8 });
    await holder.save(cursor(newest * 1000, { relay: relay.host, epoch: 4, timeMs: timeOfSeq(newest) }), held);
    const wanted = newest - 3 * 3600 - 17;
    const { code } = await rewind("--to", new Date(timeOfSeq(wanted)).toISOString(), "--force");
    expect(code).toBe(0);
    await using next = open("b");
    await next.acquire({ lanes: 8 });
    const saved = await next.load(relay.host);
    const lastDurableTimeMs = await next.lastDurableTimeMs();
    if (saved === null) throw new Error("the cursor is gone");
    await using running = runSource({ relays: [relay.url], saved: [saved], lastDurableTimeMs });
    await vi.waitFor(() => expect(running.sink.seqs.length).toBeGreaterThan(10), { timeout: 15_000, interval: 5 });
    const [position] = running.sink.positions;
    expect(position).toMatchObject({ relay: relay.host, epoch: 4 });
    const second = (position?.seq ?? 0) / 1000;
    expect(second).toBeLessThanOrEqual(wanted - 300);
    expect(second).toBeGreaterThan(wanted - 600);
    expect(running.sink.gaps).toEqual([]);
  });
});
