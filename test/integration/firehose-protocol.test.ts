import { describe, expect, it, vi } from "vitest";
import { errorFrame, identityFrame, infoFrame, messageFrame, timeOfSeq } from "../support/event-frames.ts";
import { runSource } from "../support/running-source.ts";
import { startScriptedRelay } from "../support/scripted-relay.ts";

const LIMIT = { timeout: 10_000, interval: 5 };
const GARBAGE = Buffer.from("a2626f7001617467", "hex");
const MIB = 1024 * 1024;

describe("frames that cannot be decoded", () => {
  it("drop the connection twice and become a dead letter the third time, and the stream goes on", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ socket, cursor, sendEvents }) => {
        if (cursor === null) sendEvents(1, 2);
        else sendEvents(cursor);
        socket.send(GARBAGE);
        sendEvents(3, 4);
      },
    });
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1, 2, 2, 3, 4]), LIMIT);
    expect(relay.cursors).toEqual([null, 2, 2]);
    const rejected = running.sink.events[2];
    expect(rejected).toMatchObject({ kind: "rejected", reason: "undecodable-frame", seq: 2, did: "", timeMs: null });
    expect(rejected?.kind === "rejected" && Buffer.from(rejected.rawFrame)).toEqual(GARBAGE);
    expect(running.telemetry.counted("malformed_frames_total")).toBe(3);
    expect(running.telemetry.counted("reconnects_total", "malformed")).toBe(2);
  });

  it("are set aside once each where two follow one another", async () => {
    const second = Buffer.from([...GARBAGE, 1]);
    await using relay = await startScriptedRelay({
      onConnection: ({ socket, cursor, sendEvents }) => {
        sendEvents(cursor ?? 2);
        for (const frame of [GARBAGE, second]) socket.send(frame);
        sendEvents(3);
      },
    });
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.sink.seqs.at(-1)).toBe(3), LIMIT);
    const rejected = running.sink.events.flatMap((event) =>
      event.kind === "rejected" ? [Buffer.from(event.rawFrame)] : [],
    );
    expect(rejected).toEqual([GARBAGE, second]);
  });

  it("are one poison only at one place: the same bytes elsewhere begin anew", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ index, socket, sendEvents }) => {
        sendEvents(index + 1);
        socket.send(GARBAGE);
      },
    });
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.sink.seqs.at(-1)).toBeGreaterThan(5), LIMIT);
    expect(running.sink.events.every(({ kind }) => kind === "identity")).toBe(true);
  });

  it("over 5 MiB end the connection, and the third time are set aside with their beginning", async () => {
    const oversize = Buffer.alloc(5 * MIB + 7, 0xa1);
    await using relay = await startScriptedRelay({
      onConnection: ({ socket, raw, cursor, sendEvents }) => {
        // In one write: the frame is refused while the event before it still waits for the sink.
        raw.cork();
        sendEvents(cursor ?? 9);
        socket.send(oversize);
        raw.uncork();
        sendEvents(10);
      },
    });
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([9, 9, 10]), LIMIT);
    expect(relay.cursors).toEqual([null, 9, 9]);
    const rejected = running.sink.events[1];
    expect(rejected).toMatchObject({
      kind: "rejected",
      reason: "over-limit",
      detail: expect.stringMatching(/^frame of 5242887 bytes/),
    });
    expect(rejected?.kind === "rejected" && rejected.rawFrame.length).toBe(5 * MIB);
    expect(running.telemetry.counted("reconnects_total", "oversize")).toBe(2);
  });

  it("may be followed by a socket that breaks while it is being closed", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ index, socket, raw, sendEvents }) => {
        sendEvents(index + 1);
        if (index > 0) return;
        raw.cork();
        socket.send(GARBAGE);
        // No websocket frame: all reserved bits set.
        raw.write(Buffer.alloc(16, 0xff));
        raw.uncork();
      },
    });
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1, 2]), LIMIT);
  });

  it("of unknown kinds are ignored and counted", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ socket, sendEvents }) => {
        sendEvents(1);
        socket.send(messageFrame("#later", { seq: 2 }));
        socket.send(infoFrame("Whatever"));
        sendEvents(3);
      },
    });
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1, 3]), LIMIT);
    await running.stop();
    expect(running.telemetry.counted("ignored_frames_total", "unknown-kind")).toBe(1);
    expect(running.telemetry.counted("ignored_frames_total", "info")).toBe(1);
    expect(relay.connections).toHaveLength(1);
  });
});

describe("what a relay says about the cursor", () => {
  it("an outdated cursor becomes a gap that is recorded before the first event after it", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ socket, sendEvents }) => {
        socket.send(infoFrame("OutdatedCursor"));
        sendEvents(500, 501);
      },
    });
    const saved = [{ relay: relay.host, epoch: 2, seq: 100, timeMs: timeOfSeq(100) }];
    await using running = runSource({ relays: [relay.url], saved });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([500, 501]), LIMIT);
    expect(running.sink.steps.map(({ kind }) => kind)).toEqual(["gap", "enter", "event", "event"]);
    expect(running.sink.gaps).toEqual([
      {
        reason: "outdated-cursor",
        relay: relay.host,
        epoch: 2,
        afterSeq: 100,
        beforeSeq: 500,
        fromTimeMs: timeOfSeq(100),
        toTimeMs: timeOfSeq(500),
        detail: expect.stringContaining("no longer keeps what followed seq 100"),
      },
    ]);
    expect(
      running.telemetry.lines.some(({ level, message }) => level === "warn" && message.includes("older than")),
    ).toBe(true);
  });

  it("a cursor of the future, confirmed, begins a new epoch at the oldest event, with a gap", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ cursor, socket, sendEvents }) => {
        if (cursor !== null && cursor > 3) {
          socket.send(errorFrame("FutureCursor"));
          return socket.close(1008);
        }
        socket.send(infoFrame("OutdatedCursor"));
        sendEvents(1, 2, 3);
      },
    });
    const saved = [{ relay: relay.host, epoch: 1, seq: 90, timeMs: timeOfSeq(90) }];
    await using running = runSource({ relays: [relay.url], saved });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1, 2, 3]), LIMIT);
    expect(relay.cursors).toEqual([90, 90, 90, 0]);
    expect(running.sink.positions).toEqual([{ relay: relay.host, epoch: 2, seq: 0 }]);
    expect(running.sink.gaps).toEqual([
      expect.objectContaining({ reason: "new-epoch", epoch: 2, afterSeq: 90, beforeSeq: 1 }),
    ]);
  });

  it("a cursor of the future that is not confirmed is a backend that lags", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ index, socket, sendEvents }) => {
        if (index > 1) return sendEvents(91);
        socket.send(errorFrame("FutureCursor"));
        socket.close(1008);
      },
    });
    await using running = runSource({
      relays: [relay.url],
      saved: [{ relay: relay.host, epoch: 1, seq: 90, timeMs: null }],
    });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([91]), LIMIT);
    expect(running.sink.positions).toEqual([{ relay: relay.host, epoch: 1, seq: 90 }]);
    expect(running.sink.gaps).toEqual([]);
  });

  it("a consumer that was too slow comes back at once where it was", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ index, socket, sendEvents }) => {
        sendEvents(index * 2 + 1, index * 2 + 2);
        if (index > 0) return;
        socket.send(errorFrame("ConsumerTooSlow"));
        socket.close(1008);
      },
    });
    // A wait of the schedule would take longer than the test.
    const settings = { backoffBaseMs: 1e9, backoffCapMs: 1e9 };
    await using running = runSource({ relays: [relay.url], settings });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1, 2, 3, 4]), LIMIT);
    expect(relay.cursors).toEqual([null, 2]);
    expect(running.telemetry.counted("reconnects_total", "too-slow")).toBe(1);
  });
});

describe("back-pressure", () => {
  it("pauses the socket until there is room, and nothing is lost", async () => {
    const frames = Array.from({ length: 8_000 }, (_, index) => paddedFrame(index + 1));
    await using relay = await startScriptedRelay({
      onConnection: ({ socket }) => {
        for (const frame of frames) socket.send(frame);
      },
    });
    await using running = runSource({ relays: [relay.url] });
    running.sink.fill();
    await vi.waitFor(() => expect(running.sink.waits).toBe(1), LIMIT);
    let buffered = -1;
    // Until the kernel's buffers are full, and the relay's own no longer shrink.
    await vi.waitFor(
      () => {
        const before = buffered;
        buffered = relay.connections[0]?.socket.bufferedAmount ?? 0;
        expect(buffered).toBe(before);
      },
      { timeout: 10_000, interval: 100 },
    );
    expect(buffered).toBeGreaterThan(10 * MIB);
    expect(running.source.state().paused).toBe(true);
    expect(running.sink.seqs.length).toBeLessThan(10);
    running.sink.drain();
    await vi.waitFor(() => expect(running.sink.seqs.length).toBe(frames.length), LIMIT);
    expect(running.sink.seqs).toEqual(frames.map((_, index) => index + 1));
    expect(running.source.state().paused).toBe(false);
    expect(relay.connections).toHaveLength(1);
  });

  it("asks for room at most once at a time", async () => {
    await using relay = await startScriptedRelay({ onConnection: ({ sendEvents }) => sendEvents(1, 2, 3, 4, 5) });
    await using running = runSource({ relays: [relay.url] });
    running.sink.fill();
    await vi.waitFor(() => expect(running.sink.waits).toBe(1), LIMIT);
    expect(running.sink.seqs).toEqual([1]);
    running.sink.drain();
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1, 2, 3, 4, 5]), LIMIT);
    expect(running.sink.waited).toBe(1);
  });

  it("lets a stop through", async () => {
    await using relay = await startScriptedRelay({ onConnection: ({ sendEvents }) => sendEvents(1, 2) });
    await using running = runSource({ relays: [relay.url] });
    running.sink.fill();
    await vi.waitFor(() => expect(running.sink.waits).toBe(1), LIMIT);
    await running.stop();
    expect(running.sink.seqs).toEqual([1]);
  });

  it("hands on what had been read when the relay closes meanwhile", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ index, socket, sendEvents }) => {
        if (index > 0) return sendEvents(3, 4);
        sendEvents(1, 2, 3);
        socket.close(1001);
      },
    });
    await using running = runSource({ relays: [relay.url] });
    running.sink.fill();
    await vi.waitFor(() => expect(running.sink.waits).toBe(1), LIMIT);
    running.sink.drain();
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1, 2, 3, 4]), LIMIT);
    expect(relay.cursors).toEqual([null, 3]);
  });
});

/** About the size of a commit. */
function paddedFrame(seq: number): Buffer {
  const frame = identityFrame(seq);
  return messageFrame("#identity", {
    seq,
    did: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
    time: new Date(timeOfSeq(seq)).toISOString(),
    padding: "x".repeat(5_000 - frame.length),
  });
}
