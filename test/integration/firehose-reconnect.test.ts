import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { timeOfSeq } from "../support/event-frames.ts";
import { runSource } from "../support/running-source.ts";
import { httpAnswer, startScriptedRelay } from "../support/scripted-relay.ts";

const LIMIT = { timeout: 10_000, interval: 5 };

describe("resuming", () => {
  it("starts from live where nothing is saved, and enters there", async () => {
    await using relay = await startScriptedRelay({ onConnection: ({ sendEvents }) => sendEvents(41, 42) });
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([41, 42]), LIMIT);
    expect(relay.cursors).toEqual([null]);
    expect(running.sink.steps[0]).toEqual({ kind: "enter", position: { relay: relay.host, epoch: 1, seq: 40 } });
    expect(running.source.state()).toMatchObject({
      connected: true,
      trouble: null,
      receivedSeq: 42,
      eventTimeMs: timeOfSeq(42),
    });
  });

  it("starts after the saved cursor in its epoch", async () => {
    await using relay = await startScriptedRelay({ onConnection: ({ sendEvents }) => sendEvents(7, 8) });
    const saved = [{ relay: relay.host, epoch: 3, seq: 7, timeMs: timeOfSeq(7) }];
    await using running = runSource({ relays: [relay.url], saved, lastDurableTimeMs: timeOfSeq(7) });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([8]), LIMIT);
    expect(relay.cursors).toEqual([7]);
    expect(running.sink.positions).toEqual([{ relay: relay.host, epoch: 3, seq: 7 }]);
  });

  it("goes on after every lost connection without loss or repetition", async () => {
    const last = 200;
    await using relay = await startScriptedRelay({
      onConnection: ({ cursor, index, socket, sendEvents }) => {
        // The cursor's own event comes again, as the specification has it.
        for (let seq = Math.max(1, cursor ?? 1); seq <= last; seq += 1) {
          sendEvents(seq);
          if (seq === 30 * (index + 1)) return index % 2 === 0 ? socket.close(1012) : socket.terminate();
        }
      },
    });
    await using running = runSource({
      relays: [relay.url],
      saved: [{ relay: relay.host, epoch: 1, seq: 0, timeMs: null }],
    });
    await vi.waitFor(() => expect(running.sink.seqs.at(-1)).toBe(last), LIMIT);
    expect(running.sink.seqs).toEqual(Array.from({ length: last }, (_, index) => index + 1));
    expect(relay.connections.length).toBeGreaterThan(4);
    await running.stop();
    expect(running.telemetry.counted("ignored_frames_total", "repeat")).toBe(relay.connections.length - 1);
    expect(running.sink.positions).toHaveLength(1);
  });

  it("drops an event whose seq goes back, and counts it", async () => {
    await using relay = await startScriptedRelay({ onConnection: ({ sendEvents }) => sendEvents(5, 6, 4, 6, 9) });
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([5, 6, 9]), LIMIT);
    await running.stop();
    expect(running.telemetry.counted("ignored_frames_total", "repeat")).toBe(2);
    expect(relay.connections).toHaveLength(1);
  });

  it("stops within a second, also from a peer that does not answer the close", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ socket, sendEvents }) => {
        sendEvents(1);
        socket.pause();
      },
    });
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1]), LIMIT);
    const beganAt = performance.now();
    await running.stop();
    expect(performance.now() - beganAt).toBeLessThan(1_000);
    expect(running.source.state()).toMatchObject({ connected: false, trouble: "stopped" });
  });

  it("rejects with what the sink threw", async () => {
    await using relay = await startScriptedRelay({ onConnection: ({ sendEvents }) => sendEvents(1, 2) });
    const fault = new Error("disk is gone");
    await using running = runSource({
      relays: [relay.url],
      sink: {
        accept: () => {
          throw fault;
        },
        room: async () => undefined,
        enter: async () => undefined,
        recordGap: async () => undefined,
      },
    });
    await expect(running.finished).rejects.toBe(fault);
  });
});

describe("refusals", () => {
  it("waits as long as a 429 asks", async () => {
    const upgradedAtMs: number[] = [];
    await using relay = await startScriptedRelay({
      onUpgrade: ({ index }) => {
        upgradedAtMs.push(performance.now());
        return index === 0 ? httpAnswer("429 Too Many Requests", { "Retry-After": "1" }) : undefined;
      },
      onConnection: ({ sendEvents }) => sendEvents(1),
    });
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.source.state().trouble).toMatch(/HTTP 429 Too Many Requests/), LIMIT);
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1]), LIMIT);
    const [first = 0, second = 0] = upgradedAtMs;
    expect(second - first).toBeGreaterThan(990);
  });

  it("does not wait longer than its own limit", async () => {
    await using relay = await startScriptedRelay({
      onUpgrade: ({ index }) =>
        index === 0 ? httpAnswer("503 Service Unavailable", { "Retry-After": "86400" }) : undefined,
      onConnection: ({ sendEvents }) => sendEvents(1),
    });
    await using running = runSource({ relays: [relay.url], settings: { maxRetryAfterMs: 30 } });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1]), LIMIT);
  });

  it("follows redirects and keeps the cursor", async () => {
    await using target = await startScriptedRelay({ onConnection: ({ sendEvents }) => sendEvents(8) });
    await using relay = await startScriptedRelay({
      onUpgrade: ({ url }) =>
        httpAnswer("301 Moved Permanently", { Location: `http://${target.host}${url.split("?")[0]}` }),
    });
    const saved = [{ relay: relay.host, epoch: 1, seq: 7, timeMs: null }];
    await using running = runSource({ relays: [relay.url], saved });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([8]), LIMIT);
    expect(target.cursors).toEqual([7]);
    expect(running.sink.positions[0]?.relay).toBe(relay.host);
  });

  it.each([
    ["a redirect loop", (host: string) => `ws://${host}/again`, /redirects/],
    ["a redirect to no websocket", () => "ftp://127.0.0.1/", /not followed/],
  ])("gives up on %s with a reason", async (_name, location, reason) => {
    const relay = await startScriptedRelay({
      onUpgrade: ({ request }) => httpAnswer("302 Found", { Location: location(request.headers.host ?? "") }),
    });
    onTestFinished(() => relay[Symbol.asyncDispose]());
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.source.state().trouble).toMatch(reason), LIMIT);
  });

  it("tells an HTML page in one line", async () => {
    const page = "<!doctype html><html><head><title>Bad\n gateway</title></head><body><h1>nginx</h1></body></html>";
    await using relay = await startScriptedRelay({
      onUpgrade: () => httpAnswer("502 Bad Gateway", { "Content-Type": "text/html" }, page),
    });
    await using running = runSource({ relays: [relay.url] });
    const expected = `${relay.host}: HTTP 502 Bad Gateway: an HTML page, "Bad gateway"`;
    await vi.waitFor(() => expect(running.source.state().trouble).toBe(expected), LIMIT);
    expect(running.telemetry.counted("reconnects_total", "refused")).toBeGreaterThan(0);
  });

  it("gives a handshake that never ends up", async () => {
    await using relay = await startScriptedRelay({ onUpgrade: () => "handled" });
    await using running = runSource({ relays: [relay.url], settings: { connectTimeoutMs: 50 } });
    await vi.waitFor(() => expect(relay.cursors.length).toBeGreaterThan(1), LIMIT);
    expect(running.source.state().trouble).toMatch(/no websocket within 50 ms/);
  });

  it("keeps trying where nobody listens", async () => {
    const server = createServer().listen({ host: "127.0.0.1", port: 0 });
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    await using running = runSource({ relays: [`ws://127.0.0.1:${port}`] });
    await vi.waitFor(() => expect(running.telemetry.counted("reconnects_total", "refused")).toBeGreaterThan(3), LIMIT);
    expect(running.source.state().trouble).toMatch(/ECONNREFUSED/);
  });
});

describe("liveness", () => {
  const quick = { pingAfterMs: 40, pongTimeoutMs: 100 };

  it("keeps a quiet relay that answers pings", async () => {
    let pings = 0;
    await using relay = await startScriptedRelay({
      onConnection: ({ socket, sendEvents }) => {
        sendEvents(1);
        socket.on("ping", () => {
          pings += 1;
        });
      },
    });
    await using running = runSource({ relays: [relay.url], settings: { ...quick, silenceLimitMs: 100 } });
    await vi.waitFor(() => expect(pings).toBeGreaterThan(6), LIMIT);
    expect(relay.connections).toHaveLength(1);
    expect(running.source.state().connected).toBe(true);
  });

  it("leaves a socket on which nobody answers pings, and resumes", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ index, socket, sendEvents }) => {
        sendEvents(index + 1);
        // Reads nothing any more: a peer that died without a word.
        if (index === 0) socket.pause();
      },
    });
    await using running = runSource({ relays: [relay.url], settings: quick });
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1, 2]), LIMIT);
    expect(relay.cursors).toEqual([null, 1]);
    expect(running.telemetry.counted("reconnects_total", "dead")).toBe(1);
  });

  it("leaves a busy relay that answers pings but sends no more", async () => {
    await using relay = await startScriptedRelay({
      onConnection: ({ index, socket, sendEvents }) => {
        let seq = index * 1000;
        const steady = setInterval(() => sendEvents(++seq), 3);
        if (index === 0) setTimeout(() => clearInterval(steady), 300);
        socket.once("close", () => clearInterval(steady));
      },
    });
    await using running = runSource({
      relays: [relay.url],
      settings: { ...quick, busyAfterMs: 100, silenceLimitMs: 200 },
    });
    await vi.waitFor(() => expect(running.sink.seqs.at(-1)).toBeGreaterThan(1000), LIMIT);
    expect(running.telemetry.counted("reconnects_total", "silent")).toBe(1);
  });

  it("does not mistake its own pause for a dead relay", async () => {
    await using relay = await startScriptedRelay({ onConnection: ({ sendEvents }) => sendEvents(1, 2, 3) });
    await using running = runSource({ relays: [relay.url], settings: { pingAfterMs: 20, pongTimeoutMs: 20 } });
    running.sink.fill();
    await vi.waitFor(() => expect(running.source.state().paused).toBe(true), LIMIT);
    const pausedAtMs = performance.now();
    await vi.waitFor(() => expect(performance.now() - pausedAtMs).toBeGreaterThan(200), LIMIT);
    running.sink.drain();
    await vi.waitFor(() => expect(running.sink.seqs).toEqual([1, 2, 3]), LIMIT);
    expect(relay.connections).toHaveLength(1);
  });
});
