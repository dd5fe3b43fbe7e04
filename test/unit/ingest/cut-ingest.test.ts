/** Cuts: what goes together, what waits, and what the cursor says of it; with a writer that the test holds in its hands. */
import { expect, onTestFinished, test, vi } from "vitest";
import { type SavedCursor, SetBackError } from "../../../lib/core/cursor.ts";
import type { Pack } from "../../../lib/core/pack.ts";
import { PackCutBuilder } from "../../../lib/ingest/cut-builder.ts";
import { createCutIngest } from "../../../lib/ingest/cut-ingest.ts";
import { FencedError } from "../../../lib/ingest/errors.ts";
import type { Cut, CutWriter } from "../../../lib/stream/port.ts";
import { identityEvent, TestCheckpoint, TestTelemetry } from "../../support/ingest-doubles.ts";
import { eventsOf } from "../../support/packs.ts";

const RELAY = { relay: "relay.test", epoch: 1 } as const;
const [ALICE, DAN] = ["did:web:alice.test", "did:web:dan.test"];
const never = new AbortController().signal;

class HeldCuts implements CutWriter<Pack> {
  readonly held: { readonly cut: Cut<Pack>; readonly complete: () => void; readonly refuse: (error: Error) => void }[] =
    [];

  append(cut: Cut<Pack>): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.held.push({ cut, complete: resolve, refuse: reject });
    return promise;
  }

  /** Its seqs, all lanes together, and its cursor. */
  seen(index: number): { readonly seqs: number[]; readonly cursor: SavedCursor | undefined } {
    const cut = this.held[index]?.cut;
    const seqs = cut?.items.flatMap((pack) => eventsOf(pack).map(({ seq }) => seq)) ?? [];
    return { seqs: seqs.toSorted((a, b) => a - b), cursor: cut?.cursor };
  }
}

async function setUp(options: { readonly maxEvents?: number; readonly maxInFlightBytes?: number } = {}) {
  const { maxEvents = 100, maxInFlightBytes = 1_000_000 } = options;
  const writer = new HeldCuts();
  const checkpoint = new TestCheckpoint();
  const { fence } = await checkpoint.acquire();
  const ingest = createCutIngest({
    fence,
    builder: new PackCutBuilder(4, { maxEvents, maxBytes: 100_000 }),
    writer,
    checkpoint,
    recordGap: () => Promise.resolve(),
    keepsCollection: () => true,
    maxAgeMs: 0,
    maxInFlightBytes,
    telemetry: new TestTelemetry(),
    nowMs: () => 1_000_000,
  });
  onTestFinished(() => ingest[Symbol.asyncDispose]());
  await ingest.enter({ ...RELAY, seq: 0 });
  return { ingest, writer, checkpoint };
}

async function until(condition: () => boolean): Promise<void> {
  await vi.waitUntil(condition, { timeout: 10_000, interval: 1 });
}

test("a cut has everything of all lanes up to its cursor, and what comes while it is on its way goes with the next", async () => {
  const { ingest, writer } = await setUp();
  ingest.accept(identityEvent(1, ALICE));
  ingest.accept(identityEvent(2, DAN));
  await until(() => writer.held.length === 1);
  expect(writer.seen(0)).toMatchObject({ seqs: [1, 2], cursor: { ...RELAY, seq: 2 } });
  ingest.accept(identityEvent(3, ALICE));
  ingest.accept(identityEvent(5, DAN));
  await new Promise((resolve) => setImmediate(resolve));
  expect(writer.held).toHaveLength(1);
  expect(ingest.state().cursor).toBeNull();
  writer.held[0]?.complete();
  await until(() => writer.held.length === 2);
  expect(ingest.state().cursor).toBe(2);
  expect(writer.seen(1)).toMatchObject({ seqs: [3, 5], cursor: { ...RELAY, seq: 5 } });
});

test("a full cut is sealed although one is on its way, and goes after it", async () => {
  const { ingest, writer } = await setUp({ maxEvents: 2 });
  for (let seq = 1; seq <= 5; seq++) ingest.accept(identityEvent(seq, ALICE));
  await until(() => writer.held.length === 1);
  const draining = ingest.drain(never);
  for (const index of [0, 1, 2]) {
    await until(() => writer.held.length === index + 1);
    writer.held[index]?.complete();
  }
  await draining;
  expect([0, 1, 2].map((index) => writer.seen(index).seqs)).toEqual([[1, 2], [3, 4], [5]]);
  expect(ingest.state()).toMatchObject({ cursor: 5, bytesInFlight: 0 });
});

test("a spent budget says stop, and a durable cut makes room", async () => {
  const { ingest, writer } = await setUp({ maxInFlightBytes: 400 });
  expect(ingest.accept(identityEvent(1, ALICE))).toBe(true);
  expect(ingest.accept(identityEvent(2, ALICE))).toBe(false);
  let hasRoom = false;
  const room = ingest.room(never).then(() => {
    hasRoom = true;
  });
  await until(() => writer.held.length === 1);
  expect(hasRoom).toBe(false);
  writer.held[0]?.complete();
  await room;
});

test.each([
  ["the writer says that the stream has lost what it took", new SetBackError("lost")],
  ["the writer was replaced", new Error("another ingester has taken over this stream")],
])("it ends where %s", async (_, error) => {
  const { ingest, writer } = await setUp();
  ingest.accept(identityEvent(1, ALICE));
  await until(() => writer.held.length === 1);
  writer.held[0]?.refuse(error);
  expect(await ingest.failed).toBe(error);
  expect(() => ingest.accept(identityEvent(2, ALICE))).toThrow(error);
});

test("on a quiet relay it looks each second whether it is still the one that writes", async () => {
  const { ingest, checkpoint } = await setUp();
  checkpoint.takeOver();
  expect(await ingest.failed).toBeInstanceOf(FencedError);
});
