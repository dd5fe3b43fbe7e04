/** A relay that serves a slice, and on a bad day behaves as relays have been seen to. */
import { setTimeout as sleep } from "node:timers/promises";
import type { WebSocket } from "ws";
import { errorFrame, infoFrame } from "../../support/event-frames.ts";
import { type HttpAnswer, httpAnswer, type RelayConnection, startScriptedRelay } from "../../support/scripted-relay.ts";
import type { Slice } from "./slice.ts";

/** What happens to the connection that sends, once. It goes on sending where the trouble leaves it open. */
export type SendingTrouble =
  | "cut"
  | "cut-in-frame"
  | "silence"
  | "drip"
  | "repeat"
  | "too-slow"
  | "garbage"
  | "oversize";

/** How the next connection is answered, once. */
export type ConnectTrouble = "html" | "429" | "500" | "redirect" | "outdated-cursor";

export interface FaultyRelay extends AsyncDisposable {
  readonly url: string;
  /** Waits for a connection that sends, and disturbs it. */
  disturb(trouble: SendingTrouble): void;
  /** Cuts whoever is connected, and disturbs the next. */
  disturbNext(trouble: ConnectTrouble): void;
  /** Bytes that no decoder takes come after this seq, whoever reads on from there. */
  readonly poisonAfter: Set<number>;
}

export interface FaultyRelayOptions {
  readonly slice: Slice;
  readonly eventsPerSecond: number;
}

const TICK_MS = 10;
/** Frames sent a second time. */
const REPEATED = 40;
const OVERSIZE_BYTES = 6 * 1024 * 1024;
/** Longer than the pings of a process that waits a twentieth of the usual times. */
const SILENCE_MS = 2_500;
const GARBAGE = Buffer.from("a bad day\u0000", "latin1");

export async function startFaultyRelay(options: FaultyRelayOptions): Promise<FaultyRelay> {
  const sending: SendingTrouble[] = [];
  const connecting: ConnectTrouble[] = [];
  const open = new Set<RelayConnection>();
  const poisonAfter = new Set<number>();
  const relay = await startScriptedRelay({
    onUpgrade: () => {
      const trouble = connecting[0];
      if (trouble === undefined || trouble === "outdated-cursor") return undefined;
      connecting.shift();
      return answerTo(trouble, relay.url);
    },
    onConnection(connection) {
      open.add(connection);
      connection.socket.on("close", () => open.delete(connection));
      if (connecting[0] === "outdated-cursor") {
        connecting.shift();
        connection.socket.send(infoFrame("OutdatedCursor"));
      }
      serve(connection, { ...options, sending, poisonAfter }).catch(() => connection.raw.destroy());
    },
  });
  return {
    url: relay.url,
    poisonAfter,
    disturb: (trouble) => void sending.push(trouble),
    disturbNext(trouble) {
      connecting.push(trouble);
      for (const { raw } of open) raw.destroy();
    },
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  };
}

function answerTo(trouble: Exclude<ConnectTrouble, "outdated-cursor">, url: string): HttpAnswer {
  switch (trouble) {
    case "html":
      return httpAnswer(
        "200 OK",
        { "Content-Type": "text/html" },
        "<html><body>Please enable JavaScript</body></html>",
      );
    case "429":
      return httpAnswer("429 Too Many Requests", { "Retry-After": "2" });
    case "500":
      return httpAnswer("502 Bad Gateway", { "Content-Type": "text/plain" }, "upstream");
    case "redirect":
      return httpAnswer("302 Found", { Location: `${url}/xrpc/com.atproto.sync.subscribeRepos` });
  }
}

interface Serving extends FaultyRelayOptions {
  readonly sending: SendingTrouble[];
  readonly poisonAfter: Set<number>;
}

async function serve(connection: RelayConnection, serving: Serving): Promise<void> {
  const { slice, eventsPerSecond, sending, poisonAfter } = serving;
  const { socket, cursor } = connection;
  const after = cursor ?? 0;
  let next = slice.frames.findIndex(({ seq }) => seq > after);
  if (next < 0) next = slice.frames.length;
  const beganAtMs = performance.now();
  const first = next;
  if (poisonAfter.has(after)) socket.send(GARBAGE);
  while (socket.readyState === socket.OPEN) {
    const trouble = sending.shift();
    if (trouble !== undefined) await disturb(trouble, connection, { slice, next });
    const due = first + Math.ceil(((performance.now() - beganAtMs) * eventsPerSecond) / 1000);
    for (; next < Math.min(due, slice.frames.length) && socket.readyState === socket.OPEN; next += 1) {
      const frame = slice.frames[next];
      if (frame === undefined) break;
      socket.send(frame.bytes);
      if (poisonAfter.has(frame.seq)) socket.send(GARBAGE);
    }
    await drained(socket);
    await sleep(TICK_MS);
  }
}

async function drained(socket: WebSocket): Promise<void> {
  while (socket.readyState === socket.OPEN && socket.bufferedAmount > 1e6) await sleep(TICK_MS);
}

interface Place {
  readonly slice: Slice;
  readonly next: number;
}

async function disturb(trouble: SendingTrouble, connection: RelayConnection, { slice, next }: Place): Promise<void> {
  const { socket, raw } = connection;
  const frame = slice.frames[Math.min(next, slice.frames.length - 1)]?.bytes ?? GARBAGE;
  switch (trouble) {
    case "cut":
      raw.destroy();
      break;
    case "cut-in-frame":
      raw.write(Buffer.concat([headOf(frame.length), frame.subarray(0, frame.length >> 1)]), () => raw.destroy());
      await sleep(TICK_MS);
      break;
    // The socket stays open and answers nothing, not even a ping.
    case "silence":
      raw.pause();
      await sleep(SILENCE_MS);
      raw.destroy();
      break;
    case "drip": {
      const bytes = Buffer.concat([headOf(frame.length), frame]);
      for (let at = 0; at < bytes.length && !raw.destroyed; at += 200) {
        raw.write(bytes.subarray(at, at + 200));
        await sleep(TICK_MS);
      }
      break;
    }
    // Again, in their order: seqs go back and forward.
    case "repeat":
      for (const { bytes } of slice.frames.slice(Math.max(0, next - REPEATED), next)) socket.send(bytes);
      break;
    case "too-slow":
      socket.send(errorFrame("ConsumerTooSlow"));
      socket.close();
      break;
    case "garbage":
      socket.send(GARBAGE);
      break;
    case "oversize":
      socket.send(Buffer.alloc(OVERSIZE_BYTES, 0xa1));
      break;
  }
}

/** Of a binary message from a server: not masked. */
function headOf(length: number): Buffer {
  const head = Buffer.alloc(length < 65_536 ? 4 : 10);
  head.writeUInt8(0x82, 0);
  head.writeUInt8(length < 126 ? length : length < 65_536 ? 126 : 127, 1);
  if (length < 126) return head.subarray(0, 2);
  if (length < 65_536) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}
