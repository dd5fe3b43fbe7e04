import { describe, expect, onTestFinished, test, vi } from "vitest";
import { compileCollectionFilter } from "../../../lib/core/collection-filter.ts";
import type { CommitEvent, CommitOp } from "../../../lib/core/event.ts";
import { laneOf } from "../../../lib/core/lane.ts";
import { AppendError, FencedError, IngestClosedError } from "../../../lib/ingest/errors.ts";
import { createIngest, type Ingest, type IngestOptions } from "../../../lib/ingest/ingest.ts";
import { HeldWriter, identityEvent, TestCheckpoint, TestTelemetry } from "../../support/ingest-doubles.ts";
import { eventsOf } from "../../support/packs.ts";

const LANES = 4;
const RELAY = { relay: "relay.test", epoch: 1 } as const;
const never = new AbortController().signal;
/** Two accounts of different lanes. */
const [ALICE, DAN] = ["did:web:alice.test", "did:web:dan.test"];

interface Setup extends Partial<IngestOptions> {
  readonly start?: number;
}

async function setUp({ start = 0, ...options }: Setup = {}) {
  const writer = new HeldWriter();
  const checkpoint = new TestCheckpoint();
  const telemetry = new TestTelemetry();
  const ingest = await createIngest({
    lanes: LANES,
    writer,
    checkpoint,
    recordGap: () => Promise.resolve(),
    keepsCollection: () => true,
    flush: { maxEvents: 100, maxBytes: 100_000, maxAgeMs: 0 },
    maxInFlightBytes: 1_000_000,
    saveEveryMs: 5,
    telemetry,
    nowMs: () => 1_000_000,
    ...options,
  });
  onTestFinished(() => ingest[Symbol.asyncDispose]());
  await ingest.enter({ ...RELAY, seq: start });
  const [begin] = checkpoint.saves.splice(0);
  return { writer, checkpoint, telemetry, ingest, begin };
}

function acceptAll(ingest: Ingest, from: number, to: number, did = ALICE): void {
  for (let seq = from; seq <= to; seq++) ingest.accept(identityEvent(seq, did));
}

function seqs(writer: HeldWriter): number[][] {
  return writer.held.map(({ pack }) => eventsOf(pack).map(({ seq }) => seq));
}

/** What a promise was rejected with, so that it can be waited for later. */
function faultOf(fault: unknown): unknown {
  return fault;
}

/** Waits for a condition, 10 s at the most. */
async function until(condition: () => boolean): Promise<void> {
  await vi.waitUntil(condition, { timeout: 10_000, interval: 1 });
}

test("the two accounts of these tests are in different lanes", () => {
  expect(laneOf(ALICE, LANES)).not.toBe(laneOf(DAN, LANES));
});

describe("packs go", () => {
  test("at the next turn when nothing is on its way, all of one read together", async () => {
    const { writer, ingest } = await setUp();
    acceptAll(ingest, 1, 3);
    ingest.accept(identityEvent(4, DAN));
    expect(writer.held).toEqual([]);
    await until(() => writer.held.length === 2);
    expect(seqs(writer)).toEqual([[1, 2, 3], [4]]);
  });

  test("as one, when what came before is durable, while the lane is busy", async () => {
    const { writer, ingest } = await setUp();
    acceptAll(ingest, 1, 1);
    await until(() => writer.held.length === 1);
    for (let seq = 2; seq < 6; seq++) {
      ingest.accept(identityEvent(seq, ALICE));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seqs(writer)).toEqual([[1]]);
    writer.completeAll();
    await until(() => writer.held.length === 1);
    expect(seqs(writer)).toEqual([[2, 3, 4, 5]]);
  });

  test("of other lanes meanwhile, without the busy lane's", async () => {
    const { writer, ingest } = await setUp();
    acceptAll(ingest, 1, 1);
    await until(() => writer.held.length === 1);
    acceptAll(ingest, 2, 2);
    ingest.accept(identityEvent(3, DAN));
    await until(() => writer.held.length === 2);
    acceptAll(ingest, 4, 4);
    writer.completeAll();
    await until(() => writer.held.length === 1);
    expect(seqs(writer)).toEqual([[2, 4]]);
  });

  test("when they have enough events", async () => {
    const { writer, ingest } = await setUp({ flush: { maxEvents: 3, maxBytes: 100_000, maxAgeMs: 60_000 } });
    acceptAll(ingest, 1, 8);
    await until(() => writer.held.length === 1);
    expect(seqs(writer)).toEqual([[1, 2, 3]]);
    writer.completeAll();
    await until(() => writer.held.length === 1);
    expect(seqs(writer)).toEqual([[4, 5, 6]]);
    writer.completeAll();
    await until(() => !writer.held.length && ingest.state().durablePacks === 2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(writer.held).toEqual([]);
  });

  test("when they have enough bytes", async () => {
    const { writer, ingest } = await setUp({ flush: { maxEvents: 100, maxBytes: 60, maxAgeMs: 60_000 } });
    acceptAll(ingest, 1, 3);
    await until(() => writer.held.length === 1);
    expect(writer.held[0]?.pack.body.length).toBeGreaterThanOrEqual(60);
    expect(seqs(writer)).toEqual([[1, 2, 3]]);
  });

  test("when they are old enough, and not before", async () => {
    const { writer, ingest } = await setUp({ flush: { maxEvents: 100, maxBytes: 100_000, maxAgeMs: 40 } });
    const openedAtMs = performance.now();
    acceptAll(ingest, 1, 2);
    await until(() => writer.held.length === 1);
    expect(performance.now() - openedAtMs).toBeGreaterThanOrEqual(39);
    expect(seqs(writer)).toEqual([[1, 2]]);
  });

  test("with the lane, the fence and numbers without gaps in their headers", async () => {
    const { writer, ingest } = await setUp({ flush: { maxEvents: 1, maxBytes: 1000, maxAgeMs: 0 } });
    for (let seq = 1; seq <= 3; seq++) {
      acceptAll(ingest, seq, seq);
      await until(() => writer.held.length === 1);
      writer.completeAll();
    }
    const lane = laneOf(ALICE, LANES);
    expect(writer.durable.map(({ header }) => header)).toEqual(
      [1, 2, 3].map((number) => ({
        ...RELAY,
        lane,
        lanes: LANES,
        fence: ingest.fence,
        number,
        firstSeq: number,
        lastSeq: number,
        count: 1,
      })),
    );
  });
});

describe("the cursor", () => {
  test("is saved up to what is durable, with its event time", async () => {
    const { writer, checkpoint, ingest } = await setUp();
    ingest.accept(identityEvent(10, ALICE));
    ingest.accept(identityEvent(11, DAN));
    await until(() => writer.held.length === 2 && checkpoint.saves.length === 1);
    expect(checkpoint.saves.at(-1)).toEqual({ ...RELAY, seq: 9, timeMs: null });
    writer.held.find(({ pack }) => pack.header.firstSeq === 10)?.complete();
    await until(() => checkpoint.saves.length === 2);
    expect(checkpoint.saves.at(-1)).toEqual({ ...RELAY, seq: 10, timeMs: 10_000 });
    writer.completeAll();
    await until(() => checkpoint.saves.length === 3);
    expect(checkpoint.saves.at(-1)).toEqual({ ...RELAY, seq: 11, timeMs: 11_000 });
  });

  test("is saved where reading begins, before the first event is taken", async () => {
    const { begin } = await setUp({ start: 500, saveEveryMs: 60_000 });
    expect(begin).toEqual({ ...RELAY, seq: 500, timeMs: null });
  });

  test("is not saved again where nothing came", async () => {
    const { checkpoint, ingest } = await setUp({ start: 500 });
    await ingest.drain(never);
    expect(checkpoint.saves).toEqual([]);
  });

  test("is saved on drain, after all is durable", async () => {
    const { writer, checkpoint, ingest } = await setUp({ saveEveryMs: 60_000 });
    acceptAll(ingest, 1, 5);
    const drained = ingest.drain(never);
    await until(() => writer.held.length === 1);
    expect(checkpoint.saves).toEqual([]);
    writer.completeAll();
    await drained;
    expect(checkpoint.saves).toEqual([{ ...RELAY, seq: 5, timeMs: 5000 }]);
    await ingest.drain(never);
    expect(checkpoint.saves.length, "only what has moved is saved").toBe(1);
  });

  test("waits for a checkpoint that is away; the events go on", async () => {
    const { writer, checkpoint, telemetry, ingest } = await setUp();
    checkpoint.trouble = new Error("connection refused");
    acceptAll(ingest, 1, 1);
    await until(() => writer.held.length === 1);
    writer.completeAll();
    const drained = ingest.drain(never);
    await until(() => telemetry.messages.includes("the cursor could not be saved"));
    expect(ingest.accept(identityEvent(2, DAN))).toBe(true);
    await until(() => writer.held.length === 1);
    writer.completeAll();
    checkpoint.trouble = null;
    await drained;
    expect(checkpoint.saves.at(-1)?.seq).toBe(2);
  });

  test("a drain that takes too long ends with the signal's reason", async () => {
    const { ingest } = await setUp();
    acceptAll(ingest, 1, 1);
    const stop = new AbortController();
    const drained = ingest.drain(stop.signal);
    stop.abort(new Error("ten seconds are over"));
    await expect(drained).rejects.toThrow("ten seconds are over");
  });
});

describe("entering another relay or epoch", () => {
  test("waits until all is durable and the cursor saved, and only then counts anew", async () => {
    const { writer, checkpoint, ingest } = await setUp({ saveEveryMs: 60_000, start: 900 });
    acceptAll(ingest, 1000, 1001);
    let hasEntered = false;
    const entered = ingest.enter({ relay: "other.test", epoch: 2, seq: 7 }).then(() => {
      hasEntered = true;
    });
    await until(() => writer.held.length === 1);
    expect(hasEntered).toBe(false);
    expect(ingest.state()).toMatchObject({ relay: "relay.test", cursor: 999, receivedSeq: 1001 });
    writer.completeAll();
    await entered;
    expect(checkpoint.saves).toEqual([
      { ...RELAY, seq: 1001, timeMs: 1_001_000 },
      { relay: "other.test", epoch: 2, seq: 7, timeMs: null },
    ]);
    expect(ingest.state()).toMatchObject({ relay: "other.test", epoch: 2, cursor: 7, receivedSeq: null });

    acceptAll(ingest, 8, 8);
    await until(() => writer.held.length === 1);
    expect(writer.held[0]?.pack.header).toMatchObject({ relay: "other.test", epoch: 2, number: 2, firstSeq: 8 });
    writer.completeAll();
    await ingest.drain(never);
    expect(checkpoint.saves.at(-1)).toEqual({ relay: "other.test", epoch: 2, seq: 8, timeMs: 8000 });
  });

  test("has to come before the first event", async () => {
    const { checkpoint, writer, telemetry } = await setUp();
    const ingest = await createIngest({
      lanes: 1,
      writer,
      checkpoint,
      recordGap: () => Promise.resolve(),
      keepsCollection: () => true,
      flush: { maxEvents: 1, maxBytes: 1, maxAgeMs: 0 },
      maxInFlightBytes: 1,
      saveEveryMs: 1000,
      telemetry,
      nowMs: Date.now,
    });
    expect(() => ingest.accept(identityEvent(1))).toThrow(RangeError);
    await ingest[Symbol.asyncDispose]();
  });
});

describe("back-pressure", () => {
  test("says stop past the budget, and go once enough is durable", async () => {
    const { writer, ingest } = await setUp({ maxInFlightBytes: 3000 });
    let seq = 0;
    do seq++;
    while (ingest.accept(identityEvent(seq, seq % 2 ? ALICE : DAN)));
    expect(ingest.state().bytesInFlight).toBeGreaterThanOrEqual(3000);
    let hasRoom = false;
    const room = ingest.room(never).then(() => {
      hasRoom = true;
    });
    await until(() => writer.held.length === 2);
    expect(hasRoom).toBe(false);
    writer.completeAll();
    await room;
    await until(() => ingest.state().bytesInFlight === 0);
  });

  test("waits no longer than the signal", async () => {
    const { ingest } = await setUp({ maxInFlightBytes: 1 });
    expect(ingest.accept(identityEvent(1))).toBe(false);
    const stop = new AbortController();
    const room = ingest.room(stop.signal);
    stop.abort(new Error("stopping"));
    await expect(room).rejects.toThrow("stopping");
  });
});

describe("the end of it", () => {
  test("fenced: whatever waits is rejected, no event is taken and no pack sent any more", async () => {
    const { writer, checkpoint, ingest } = await setUp({
      maxInFlightBytes: 1,
      flush: { maxEvents: 1, maxBytes: 1000, maxAgeMs: 0 },
    });
    checkpoint.takeOver();
    acceptAll(ingest, 1, 3);
    const room = ingest.room(never).catch(faultOf);
    const drained = ingest.drain(never).catch(faultOf);
    await until(() => writer.held.length === 1);
    writer.completeAll();
    expect(await ingest.failed).toBeInstanceOf(FencedError);
    for (const fault of await Promise.all([room, drained])) expect(fault).toBeInstanceOf(FencedError);
    expect(() => ingest.accept(identityEvent(4))).toThrow(FencedError);
    await expect(ingest.enter({ ...RELAY, seq: 4 })).rejects.toThrow(FencedError);
    writer.completeAll();
    await new Promise((resolve) => setImmediate(resolve));
    expect(writer.held).toEqual([]);
    expect(checkpoint.saves).toEqual([]);
  });

  test("a stream that refuses a pack: none of its lane follows, and the cursor stays before it", async () => {
    const { writer, checkpoint, ingest } = await setUp({ flush: { maxEvents: 1, maxBytes: 1000, maxAgeMs: 0 } });
    acceptAll(ingest, 1, 3);
    await until(() => writer.held.length === 1);
    writer.held[0]?.refuse(new Error("no such stream"));
    const fault = await ingest.failed;
    expect(fault).toBeInstanceOf(AppendError);
    expect(fault.cause).toMatchObject({ message: "no such stream" });
    expect(() => ingest.accept(identityEvent(4))).toThrow(AppendError);
    expect(writer.held).toEqual([]);
    expect(checkpoint.saves.filter(({ seq }) => seq > 0)).toEqual([]);
  });

  test("disposed of: ends at once, whatever is on its way", async () => {
    const { writer, ingest } = await setUp();
    acceptAll(ingest, 1, 1);
    await until(() => writer.held.length === 1);
    const flushed = ingest.flush(never).catch(faultOf);
    await ingest[Symbol.asyncDispose]();
    expect(await flushed).toBeInstanceOf(IngestClosedError);
    expect(() => ingest.accept(identityEvent(2))).toThrow(IngestClosedError);
  });

  test.each([{ maxEvents: 0 }, { maxEvents: 65_537 }, { maxBytes: 0 }, { maxBytes: 768 * 1024 + 1 }])(
    "limits that no reader takes are refused at the start: %o",
    async (limits) => {
      await expect(setUp({ flush: { maxEvents: 10, maxBytes: 1000, maxAgeMs: 0, ...limits } })).rejects.toThrow(
        RangeError,
      );
    },
  );
});

describe("the collection filter", () => {
  const tree = new Uint8Array(16);

  function op(collection: string, fault: CommitOp["fault"] = null): CommitOp {
    return { action: "delete", collection, rkey: "a", cid: null, prev: null, record: null, fault };
  }

  function commit(ops: readonly CommitOp[]): CommitEvent {
    const { kind: _, handle: __, ...base } = identityEvent(1, ALICE);
    const raw = { rawFrame: new Uint8Array(9) };
    return { kind: "commit", ...base, rev: 2n, since: 1n, tree, prevTree: null, ops, ...raw };
  }

  test.each([
    {
      what: "the other ops go, the commit stays",
      ops: [op("app.bsky.feed.like"), op("app.bsky.graph.block")],
      kept: ["app.bsky.feed.like"],
    },
    { what: "without an op the commit still advances its repo", ops: [op("app.bsky.graph.block")], kept: [] },
    {
      what: "a path that cannot be read is kept, since its collection is not known",
      ops: [op("x", { reason: "bad-path", detail: "…" }), op("y", { reason: "missing-block", detail: "…" })],
      kept: ["x"],
    },
  ])("$what", async ({ ops, kept }) => {
    const keepsCollection = compileCollectionFilter(["app.bsky.feed.*"]);
    const { writer, telemetry, ingest } = await setUp({ keepsCollection });
    ingest.accept(commit(ops));
    await until(() => writer.held.length === 1);
    const [event] = eventsOf(writer.held[0]?.pack ?? { header: {} as never, body: new Uint8Array() });
    if (event?.kind !== "commit") throw new Error("no commit");
    expect(event.ops.map(({ collection }) => collection)).toEqual(kept);
    writer.completeAll();
    await ingest.flush(never);
    expect(telemetry.counts.get("filtered_ops_total") ?? 0).toBe(ops.length - kept.length);
  });
});

describe("what it tells", () => {
  test("counts by kind, packs, bytes and saves", async () => {
    const { writer, telemetry, ingest } = await setUp();
    acceptAll(ingest, 1, 5);
    ingest.accept({ ...identityEvent(6, ALICE), kind: "account", active: true, status: null });
    await until(() => writer.held.length === 1);
    writer.completeAll();
    await ingest.drain(never);
    expect(Object.fromEntries(telemetry.counts)).toMatchObject({
      "received_events_total identity": 5,
      "received_events_total account": 1,
      packs_total: 1,
      packed_bytes_total: writer.durable[0]?.body.length,
    });
    await until(() => telemetry.gauges.get("cursor_seq") === 6);
    expect(telemetry.gauges.get("lag_seconds")).toBe((1_000_000 - 6000) / 1000);
  });

  test("gaps go to the ledger and are counted", async () => {
    const recordGap = vi.fn<IngestOptions["recordGap"]>(() => Promise.resolve());
    const { telemetry, ingest } = await setUp({ recordGap });
    const nothing = { afterSeq: null, beforeSeq: null, fromTimeMs: null, toTimeMs: null };
    const gap = { ...RELAY, ...nothing, reason: "outdated-cursor", detail: "" } as const;
    await ingest.recordGap(gap);
    expect(recordGap).toHaveBeenCalledWith(gap);
    expect(telemetry.counts.get("gaps_total outdated-cursor")).toBe(1);
  });
});
