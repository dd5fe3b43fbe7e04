import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { RecordingError } from "../../lib/core/recording.ts";
import { openRecordingFile } from "../../lib/firehose/recording/open-recording-file.ts";
import { RelayListenError, serveRecording } from "../../lib/firehose/relay/serve-recording.ts";
import { identityFrame, messageFrame } from "../support/event-frames.ts";
import { connectToRelay } from "../support/relay-client.ts";
import { runSource } from "../support/running-source.ts";
import { silentLog as log } from "../support/silent-log.ts";
import { frameBlocksOf, frameBlocksOfSeqs, recordingOf } from "../support/small-recording.ts";

const LIMIT = { timeout: 10_000, interval: 5 };

describe("cursor rules", () => {
  const frameBlocks = frameBlocksOfSeqs(10, 20, 30, 40, 50);

  it.each([
    ["everything without a cursor, as all of it has happened", undefined, [10, 20, 30, 40, 50]],
    ["what follows the cursor", 20, [30, 40, 50]],
    ["what follows a cursor between two events", 25, [30, 40, 50]],
    ["everything from the oldest at 9", 9, [10, 20, 30, 40, 50]],
  ])("sends %s", async (_name, cursor, seqs) => {
    await using relay = await serveRecording({ frameBlocks, log });
    await using client = await connectToRelay(relay.url, cursor);
    await vi.waitFor(() => expect(client.seqs).toEqual(seqs), LIMIT);
    expect(client.messages.every(({ kind }) => kind === "event")).toBe(true);
  });

  it("sends the cursor's own event again where it is told to be inclusive", async () => {
    await using relay = await serveRecording({ frameBlocks, log, inclusive: true });
    await using client = await connectToRelay(relay.url, 20);
    await vi.waitFor(() => expect(client.seqs).toEqual([20, 30, 40, 50]), LIMIT);
  });

  it("waits at the newest event", async () => {
    await using relay = await serveRecording({ frameBlocks, log });
    await using client = await connectToRelay(relay.url, 50);
    client.socket.ping();
    await once(client.socket, "pong");
    expect(client.messages).toEqual([]);
    expect(relay.stats()).toMatchObject({ subscribers: 1, sentFrames: 0 });
  });

  it("answers a cursor of the future with an error and closes", async () => {
    await using relay = await serveRecording({ frameBlocks, log });
    await using client = await connectToRelay(relay.url, 51);
    await client.closed;
    expect(client.messages).toEqual([{ kind: "error", error: "FutureCursor", message: "newest seq is 50" }]);
  });

  it.each([
    [0, "is older than the recording"],
    [15, "is older than the window"],
  ])("tells a cursor that is outdated before it sends its window: %d %s", async (cursor) => {
    await using relay = await serveRecording({ frameBlocks, log, windowEvents: 3 });
    await using client = await connectToRelay(relay.url, cursor);
    await vi.waitFor(() => expect(client.seqs).toEqual([30, 40, 50]), LIMIT);
    expect(client.messages[0]).toMatchObject({ kind: "info", name: "OutdatedCursor" });
  });

  it("says nothing of that where the cursor is just before the window", async () => {
    await using relay = await serveRecording({ frameBlocks, log, windowEvents: 3 });
    await using client = await connectToRelay(relay.url, 29);
    await vi.waitFor(() => expect(client.seqs).toEqual([30, 40, 50]), LIMIT);
    expect(client.messages).toHaveLength(3);
  });
});

describe("the performance", () => {
  it("is repeated with seqs that go on", async () => {
    await using relay = await serveRecording({ frameBlocks: frameBlocksOfSeqs(20, 22, 23), log, loop: 3 });
    await using client = await connectToRelay(relay.url);
    await vi.waitFor(() => expect(client.seqs).toEqual([20, 22, 23, 24, 26, 27, 28, 30, 31]), LIMIT);
    await using resumed = await connectToRelay(relay.url, 26);
    await vi.waitFor(() => expect(resumed.seqs).toEqual([27, 28, 30, 31]), LIMIT);
    await using future = await connectToRelay(relay.url, 32);
    await future.closed;
  });

  it("never ends where it is looped without end", async () => {
    await using relay = await serveRecording({ frameBlocks: frameBlocksOfSeqs(1, 2, 3), log, loop: true });
    await using client = await connectToRelay(relay.url, 100_000);
    await vi.waitFor(() => expect(client.seqs.length).toBeGreaterThan(10_000), LIMIT);
    expect(client.seqs.slice(0, 3)).toEqual([100_001, 100_002, 100_003]);
  });

  it("begins at its first event for the first subscriber, also where the machine lets time pass in between", async () => {
    await using relay = await serveRecording({ frameBlocks: frameBlocksOfSeqs(1, 2, 3), log, speed: 100 });
    let nowMs = 1_000;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => {
      nowMs += 15;
      return nowMs;
    });
    onTestFinished(() => clock.mockRestore());
    await using client = await connectToRelay(relay.url);
    await vi.waitFor(() => expect(client.seqs).toEqual([1, 2, 3]), LIMIT);
  });

  it("happens at its speed from the first subscriber on, and who comes later joins it live", async () => {
    const frameBlocks = frameBlocksOfSeqs(...Array.from({ length: 2_000 }, (_, index) => index + 1));
    await using relay = await serveRecording({ frameBlocks, log, speed: 400 });
    const beganAtMs = performance.now();
    await using first = await connectToRelay(relay.url);
    await vi.waitFor(() => expect(first.seqs.length).toBeGreaterThan(200), LIMIT);
    const elapsedMs = performance.now() - beganAtMs;
    expect(elapsedMs).toBeGreaterThan(480);
    await using second = await connectToRelay(relay.url);
    await using ahead = await connectToRelay(relay.url, 1_999);
    await ahead.closed;
    await vi.waitFor(() => expect(second.seqs.length).toBeGreaterThan(10), LIMIT);
    expect(first.seqs[0]).toBe(1);
    expect(second.seqs[0]).toBeGreaterThan(200);
  });

  it("keeps frames without a seq where they stand", async () => {
    const frames = [
      identityFrame(1),
      messageFrame("#info", { name: "Whatever" }),
      Buffer.from("ff", "hex"),
      identityFrame(2),
    ];
    await using relay = await serveRecording({ frameBlocks: frameBlocksOf(frames), log });
    await using client = await connectToRelay(relay.url, 0);
    await vi.waitFor(
      () => expect(client.messages.map(({ kind }) => kind)).toEqual(["event", "info", "malformed", "event"]),
      LIMIT,
    );
  });

  it("is the same for the source that reads it, cut or not", async () => {
    const seqs = Array.from({ length: 5_000 }, (_, index) => index * 3 + 1);
    await using relay = await serveRecording({ frameBlocks: frameBlocksOfSeqs(...seqs), log });
    await using running = runSource({ relays: [relay.url] });
    await vi.waitFor(() => expect(running.sink.seqs).toHaveLength(seqs.length), LIMIT);
    expect(running.sink.seqs).toEqual(seqs);
  });
});

describe("slow subscribers", () => {
  const padding = "x".repeat(20_000);
  const frameBlocks = frameBlocksOf(
    Array.from({ length: 3_000 }, (_, index) => {
      return messageFrame("#identity", {
        seq: index + 1,
        did: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
        time: "2026-11-01T00:00:00Z",
        padding,
      });
    }),
  );

  it("that take nothing for long are cut, and others are not", async () => {
    await using relay = await serveRecording({ frameBlocks, log, stallMs: 300 });
    await using slow = await connectToRelay(relay.url);
    slow.socket.pause();
    await using quick = await connectToRelay(relay.url);
    await vi.waitFor(() => expect(relay.stats().cutSubscribers).toBe(1), LIMIT);
    await vi.waitFor(() => expect(quick.seqs).toHaveLength(3_000), LIMIT);
    await vi.waitFor(() => expect(relay.stats().subscribers).toBe(1), LIMIT);
  });

  it("that fall behind after they had caught up are told and cut", async () => {
    await using relay = await serveRecording({ frameBlocks, log, speed: 2_000, maxLagEvents: 500 });
    await using slow = await connectToRelay(relay.url);
    await vi.waitFor(() => expect(slow.seqs.length).toBeGreaterThan(20), LIMIT);
    slow.socket.pause();
    await vi.waitFor(() => expect(relay.stats().cutSubscribers).toBe(1), LIMIT);
    slow.socket.resume();
    await slow.closed;
    expect(slow.messages.at(-1)).toMatchObject({ kind: "error", error: "ConsumerTooSlow" });
    const seqs = Array.from({ length: slow.seqs.length }, (_, index) => index + 1);
    expect(slow.seqs).toEqual(seqs);
  });

  it("cost no more memory than their buffer", async () => {
    const huge = {
      did: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
      time: "2026-11-01T00:00:00Z",
      padding: "x".repeat(500_000),
    };
    const frames = Array.from({ length: 100 }, (_, index) => messageFrame("#identity", { ...huge, seq: index + 1 }));
    await using relay = await serveRecording({ frameBlocks: frameBlocksOf(frames), log, maxBufferedBytes: 600_000 });
    await using slow = await connectToRelay(relay.url);
    slow.socket.pause();
    let sent = -1;
    // Until the kernel's own buffers are full and no more goes out.
    await vi.waitFor(
      () => {
        const before = sent;
        sent = relay.stats().sentFrames;
        expect(sent).toBe(before);
      },
      { timeout: 10_000, interval: 100 },
    );
    // One block of the recording holds 33 of them.
    expect(sent).toBeLessThan(28);
    slow.socket.resume();
    await vi.waitFor(() => expect(slow.seqs).toHaveLength(100), LIMIT);
  });
});

describe("the server", () => {
  it("answers plain HTTP as a relay does", async () => {
    await using relay = await serveRecording({ frameBlocks: frameBlocksOfSeqs(1), log });
    const base = relay.url.replace("ws:", "http:");
    const health = await fetch(`${base}/xrpc/_health`);
    expect([health.status, await health.json()]).toEqual([200, { version: "standpipe-relay" }]);
    expect((await fetch(`${base}/xrpc/com.atproto.sync.subscribeRepos`)).status).toBe(426);
    expect((await fetch(`${base}/elsewhere`)).status).toBe(404);
  });

  it.each([
    ["/elsewhere", 404],
    ["/xrpc/com.atproto.sync.subscribeRepos?cursor=-1", 400],
    ["/xrpc/com.atproto.sync.subscribeRepos?cursor=yesterday", 400],
  ])("refuses to open a websocket at %s with %d", async (path, status) => {
    const relay = await serveRecording({ frameBlocks: frameBlocksOfSeqs(1), log });
    onTestFinished(() => relay[Symbol.asyncDispose]());
    const socket = new WebSocket(`${relay.url}${path}`);
    socket.on("error", () => undefined);
    const [, response] = await once(socket, "unexpected-response");
    expect(response.statusCode).toBe(status);
    socket.terminate();
  });

  it("says so where its port is taken", async () => {
    await using relay = await serveRecording({ frameBlocks: [], log });
    await expect(serveRecording({ frameBlocks: [], log, port: relay.port })).rejects.toThrow(RelayListenError);
  });

  it("serves an empty recording", async () => {
    await using relay = await serveRecording({ frameBlocks: [], log, loop: true, speed: 100 });
    await using client = await connectToRelay(relay.url, 0);
    client.socket.ping();
    await once(client.socket, "pong");
    expect(client.messages).toEqual([]);
  });
});

describe("a recording file", () => {
  it("is opened with its frame blocks", async () => {
    const path = await writtenFile(recordingOf([identityFrame(4), identityFrame(5)]));
    const { recording, frameBlocks } = await openRecordingFile(path);
    expect(recording.meta.frames).toBe(2);
    await using relay = await serveRecording({ frameBlocks, log });
    await using client = await connectToRelay(relay.url);
    await vi.waitFor(() => expect(client.seqs).toEqual([4, 5]), LIMIT);
  });

  it("that is cut short says at which byte", async () => {
    const whole = recordingOf([identityFrame(4)]);
    const path = await writtenFile(whole.subarray(0, whole.length - 3));
    await expect(openRecordingFile(path)).rejects.toThrow(`cut short at byte ${whole.length - 3}`);
  });

  it("that is missing is an error of the same kind", async () => {
    await expect(openRecordingFile(join(tmpdir(), "no-such-recording.spr"))).rejects.toThrow(RecordingError);
  });
});

async function writtenFile(bytes: Uint8Array): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "standpipe-recording-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "recording.spr");
  await writeFile(path, bytes);
  return path;
}
