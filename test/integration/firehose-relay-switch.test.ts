import { describe, expect, it, vi } from "vitest";
import { timeOfSeq } from "../support/event-frames.ts";
import { runSource } from "../support/running-source.ts";
import { httpAnswer, type RelayScript, startScriptedRelay } from "../support/scripted-relay.ts";
import { relayWith } from "../support/windowed-relay.ts";

const LIMIT = { timeout: 15_000, interval: 5 };
const REFUSES: RelayScript = { onUpgrade: () => httpAnswer("500 Internal Server Error", {}) };

describe("a list of relays", () => {
  it("goes to the next after so many failures, and stays there", async () => {
    await using first = await startScriptedRelay(REFUSES);
    await using second = await startScriptedRelay({
      onConnection: ({ index, socket, sendEvents }) => {
        sendEvents(index + 1);
        if (index < 3) setTimeout(() => socket.close(), 80);
      },
    });
    await using running = runSource({ relays: [first.url, second.url], settings: { attemptsPerRelay: 3 } });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1, 2, 3, 4]), LIMIT);
    expect(first.cursors).toHaveLength(3);
    expect(running.source.state().relay).toBe(second.host);
  });

  it("does not wait out a long Retry-After where another relay is named", async () => {
    await using first = await startScriptedRelay({
      onUpgrade: () => httpAnswer("429 Too Many Requests", { "Retry-After": "60" }),
    });
    await using second = await startScriptedRelay({ onConnection: ({ sendEvents }) => sendEvents(1) });
    await using running = runSource({ relays: [first.url, second.url] });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1]), LIMIT);
    expect(first.cursors).toHaveLength(1);
  });

  it("enters a relay without a cursor five minutes before the last durable event, with at most 20 probes", async () => {
    await using first = await startScriptedRelay(REFUSES);
    // 72 hours of window.
    const newest = 72 * 3600;
    await using second = await startScriptedRelay(relayWith({ oldest: 1, newest }));
    const durable = newest - 3 * 3600 - 17;
    const saved = [{ relay: first.host, epoch: 1, seq: 77, timeMs: timeOfSeq(durable) }];
    await using running = runSource({ relays: [first.url, second.url], saved, lastDurableTimeMs: timeOfSeq(durable) });
    await vi.waitFor(() => expect(running.sink.seqs.length).toBeGreaterThan(10), LIMIT);
    const [position] = running.sink.positions;
    expect(position).toMatchObject({ relay: second.host, epoch: 1 });
    const enteredSecond = (position?.seq ?? 0) / 1000;
    expect(durable - enteredSecond).toBeGreaterThanOrEqual(300);
    expect(durable - enteredSecond).toBeLessThanOrEqual(331);
    // One of them is the connection that reads.
    expect(second.cursors.length).toBeLessThanOrEqual(21);
    expect(running.sink.gaps).toEqual([]);
  });

  it("reads a relay whose window begins later from its oldest event, with a gap", async () => {
    await using relay = await startScriptedRelay(relayWith({ oldest: 5_000, newest: 9_000 }));
    await using running = runSource({ relays: [relay.url], lastDurableTimeMs: timeOfSeq(2_000) });
    await vi.waitFor(() => expect(running.sink.seqs[0]).toBe(5_000_000), LIMIT);
    expect(running.sink.positions).toEqual([{ relay: relay.host, epoch: 1, seq: 0 }]);
    expect(running.sink.gaps).toEqual([
      expect.objectContaining({
        reason: "relay-switch",
        afterSeq: null,
        beforeSeq: 5_000_000,
        fromTimeMs: timeOfSeq(2_000),
        toTimeMs: timeOfSeq(5_000),
      }),
    ]);
  });

  it("reads from live, with the missing span as a gap, where the place cannot be found", async () => {
    await using relay = await startScriptedRelay({
      onUpgrade: ({ url }) => (url.includes("cursor=") ? httpAnswer("400 Bad Request", {}) : undefined),
      onConnection: ({ sendEvents }) => sendEvents(800),
    });
    await using running = runSource({ relays: [relay.url], lastDurableTimeMs: timeOfSeq(700) });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([800]), LIMIT);
    expect(running.sink.positions).toEqual([{ relay: relay.host, epoch: 1, seq: 799 }]);
    expect(running.sink.gaps).toEqual([
      expect.objectContaining({
        reason: "relay-switch",
        fromTimeMs: timeOfSeq(700),
        toTimeMs: timeOfSeq(800),
        beforeSeq: 800,
      }),
    ]);
  });

  it("does not read on from an old cursor of the next relay when the last durable event is days later", async () => {
    const newest = 72 * 3600;
    await using relay = await startScriptedRelay(relayWith({ oldest: 1, newest }));
    const saved = [{ relay: relay.host, epoch: 4, seq: 3_000, timeMs: timeOfSeq(3) }];
    await using running = runSource({ relays: [relay.url], saved, lastDurableTimeMs: timeOfSeq(newest - 100) });
    await vi.waitFor(() => expect(running.sink.positions).toHaveLength(1), LIMIT);
    const [position] = running.sink.positions;
    expect(position?.epoch).toBe(4);
    expect(position?.seq).toBeGreaterThan((newest - 500) * 1000);
  });

  it("comes back to the first relay where memory left it when the second never answered", async () => {
    let refuse = false;
    await using second = await startScriptedRelay(REFUSES);
    await using first = await startScriptedRelay({
      onUpgrade: () => (refuse ? httpAnswer("500 Internal Server Error", {}) : undefined),
      onConnection: ({ index, socket, sendEvents }) => {
        sendEvents(index * 2 + 1, index * 2 + 2);
        if (index > 0) return;
        refuse = true;
        socket.close();
      },
    });
    const settings = { attemptsPerRelay: 2 };
    await using running = runSource({ relays: [first.url, second.url], lastDurableTimeMs: null, settings });
    await vi.waitFor(() => expect(second.cursors.length).toBeGreaterThan(0), LIMIT);
    refuse = false;
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1, 2, 3, 4]), LIMIT);
    expect(first.cursors.at(-1)).toBe(2);
    expect(running.sink.positions).toHaveLength(1);
  });
});
