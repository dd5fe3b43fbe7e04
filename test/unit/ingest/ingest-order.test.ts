import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { FirehoseEvent } from "../../../lib/core/event.ts";
import { createIngest } from "../../../lib/ingest/ingest.ts";
import { createMemoryStream } from "../../../lib/stream/memory/memory-stream.ts";
import { HeldWriter, identityEvent, TestCheckpoint, TestTelemetry } from "../../support/ingest-doubles.ts";
import { eventsOf } from "../../support/packs.ts";

const RELAY = { relay: "relay.test", epoch: 1, seq: 0 } as const;
const never = new AbortController().signal;

const SAVE_EVERY_MS = 1000;

const schedule = fc.record({
  lanes: fc.integer({ min: 1, max: 5 }),
  maxEvents: fc.integer({ min: 1, max: 6 }),
  maxAgeMs: fc.constantFrom(0, 0, 1),
  /** An event of an account so many seqs after the last, a pack made durable, a turn of the event loop, or a tick of the clock for saves. */
  steps: fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.record({ account: fc.nat(9), seqStep: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 3, arbitrary: fc.record({ complete: fc.nat() }) },
      { weight: 2, arbitrary: fc.constantFrom("turn" as const, "tick" as const) },
    ),
    { maxLength: 120 },
  ),
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function byDid(events: readonly FirehoseEvent[]): Record<string, number[]> {
  const seqs: Record<string, number[]> = {};
  for (const { did, seq } of events) (seqs[did] ??= []).push(seq);
  return seqs;
}

describe("whatever becomes durable when", () => {
  test("no saved cursor passes an event that is not durable, and everything comes out once, in order per account", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const property = fc.asyncProperty(schedule, async ({ lanes, maxEvents, maxAgeMs, steps }) => {
      const writer = new HeldWriter();
      const checkpoint = new TestCheckpoint();
      const accepted: FirehoseEvent[] = [];
      const wrongSaves: string[] = [];
      checkpoint.onSave = ({ seq: saved }) => {
        const durable = new Set(writer.durable.flatMap((pack) => eventsOf(pack).map(({ seq }) => seq)));
        const passed = accepted.find(({ seq }) => seq <= saved && !durable.has(seq));
        if (passed !== undefined) wrongSaves.push(`${saved}, though ${passed.seq} is not durable`);
        if (saved <= (checkpoint.saves.at(-1)?.seq ?? -1)) wrongSaves.push(`${saved} again`);
      };
      await using ingest = await createIngest({
        lanes,
        writer,
        checkpoint,
        recordGap: () => Promise.resolve(),
        keepsCollection: () => true,
        flush: { maxEvents, maxBytes: 1000, maxAgeMs },
        maxInFlightBytes: 1_000_000,
        saveEveryMs: SAVE_EVERY_MS,
        telemetry: new TestTelemetry(),
        nowMs: () => 0,
      });
      await ingest.enter(RELAY);
      let seq = 0;
      for (const step of steps) {
        if (step === "turn") await turn();
        else if (step === "tick") {
          vi.advanceTimersByTime(SAVE_EVERY_MS);
          await turn();
        } else if ("complete" in step) writer.held[step.complete % writer.held.length]?.complete();
        else {
          seq += step.seqStep;
          const event = identityEvent(seq, `did:web:${step.account}.test`);
          accepted.push(event);
          ingest.accept(event);
        }
      }
      const drained = ingest.drain(never).then(() => "drained");
      while ((await Promise.race([drained, turn()])) !== "drained") writer.completeAll();
      expect(wrongSaves).toEqual([]);
      expect(byDid(writer.durable.flatMap(eventsOf))).toEqual(byDid(accepted));
      expect(checkpoint.saves.at(-1)?.seq ?? 0).toBe(seq);
      expect(ingest.state().bytesInFlight).toBe(0);
      for (let lane = 0; lane < lanes; lane++) {
        const numbers = writer.durable.filter(({ header }) => header.lane === lane).map(({ header }) => header.number);
        expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      }
    });
    await fc.assert(property, { numRuns: 200 });
  });

  test("through a memory stream with readers that give packs back, memory stays within the budget", async () => {
    const maxInFlightBytes = 40_000;
    const stream = createMemoryStream({ maxBytes: maxInFlightBytes });
    const checkpoint = new TestCheckpoint();
    await using ingest = await createIngest({
      lanes: 8,
      writer: stream,
      checkpoint,
      recordGap: () => Promise.resolve(),
      keepsCollection: () => true,
      flush: { maxEvents: 50, maxBytes: 5000, maxAgeMs: 0 },
      maxInFlightBytes,
      saveEveryMs: 5,
      telemetry: new TestTelemetry(),
      nowMs: Date.now,
    });
    await ingest.enter(RELAY);
    const applied: FirehoseEvent[] = [];
    let deliveries = 0;
    const consume = async () => {
      for (;;) {
        const delivery = await stream.read({ maxEvents: 200, signal: never });
        if (delivery === null) return;
        await turn();
        deliveries++;
        if (deliveries % 3 === 0) delivery.release();
        else {
          applied.push(...delivery.packs.flatMap(eventsOf));
          delivery.acknowledge();
        }
      }
    };
    const consumers = [consume(), consume()];
    const accepted: FirehoseEvent[] = [];
    let mostBytes = 0;
    for (let seq = 1; seq <= 20_000; seq++) {
      const event = identityEvent(seq, `did:web:${(seq * 7919) % 101}.test`);
      accepted.push(event);
      if (!ingest.accept(event)) await ingest.room(never);
      mostBytes = Math.max(mostBytes, ingest.state().bytesInFlight);
    }
    await ingest.drain(never);
    stream.close();
    await Promise.all(consumers);
    expect(byDid(applied)).toEqual(byDid(accepted));
    expect(checkpoint.saves.at(-1)?.seq).toBe(20_000);
    expect(mostBytes).toBeLessThan(maxInFlightBytes + 1000);
  });
});
