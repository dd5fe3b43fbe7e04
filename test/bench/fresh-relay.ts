/**
 * `node fresh-relay.ts RECORDING [--frames N] [--laps N] [--speed N]`: a recording as a relay's stream, lap after lap under new accounts
 * (fresh-frames.ts), with as little work as can be, since it shares the machine with what is measured: the websocket's messages are
 * written by the hundred, and made before it listens where they fit into memory. Prints where it listens. Also used within a process.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";
import { openRecording } from "../../lib/core/recording.ts";
import { didInLap, FIRST_SEQ, type FrameTemplate, frameTemplate, putFreshFrame } from "./fresh-frames.ts";

export interface FreshRelayOptions {
  readonly templates: readonly FrameTemplate[];
  /** How often all templates are sent. */
  readonly laps: number;
  /** Events a second, from the first subscriber on; Infinity: as fast as they are taken. */
  readonly speed: number;
  /** Called when a frame is handed to the socket, with its DID and `performance.now()`. */
  readonly onSent?: (seq: number, did: string, atMs: number) => void;
  readonly onSubscriber?: () => void;
}

export interface FreshRelay extends AsyncDisposable {
  readonly url: string;
}

const BATCH_BYTES = 256 * 1024;
/** What is made ahead at the most: sixteen laps of the bundled recording, eight of the signed load. */
const MOST_AHEAD_BYTES = 512 * 1024 * 1024;
/** Of a websocket's message, at the most. */
const HEAD_BYTES = 10;
/** At 500 events a second one each. */
const TICK_MS = 2;

/** The first `frames` of a recording that can be repeated (all where it has fewer). */
export function readTemplates(path: string, frames = Number.POSITIVE_INFINITY): readonly FrameTemplate[] {
  return openRecording(readFileSync(path))
    .frames()
    .map(frameTemplate)
    .filter((template) => template !== null)
    .take(frames)
    .toArray();
}

/** Resolves once it listens, on loopback. */
export async function serveFreshFrames(options: FreshRelayOptions): Promise<FreshRelay> {
  const batches = makeAhead(options);
  const http = createServer();
  const websockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const started: { atMs: number | null } = { atMs: null };
  http.on("upgrade", (request: IncomingMessage, socket: Socket, head) => {
    websockets.handleUpgrade(request, socket, head, (websocket) => {
      websocket.on("error", () => socket.destroy());
      started.atMs ??= performance.now();
      options.onSubscriber?.();
      serve(
        socket,
        { ...options, batches },
        { startedAtMs: started.atMs, position: positionAfter(request.url ?? "/") },
      );
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const client of websockets.clients) client.terminate();
      http.close();
      await once(http, "close");
    },
  };
}

/** Position of the event after the cursor; the first where there is none. */
function positionAfter(path: string): number {
  const cursor = Number(new URL(path, "ws://relay").searchParams.get("cursor") ?? 0);
  return Math.max(0, cursor - FIRST_SEQ + 1);
}

/** Whole messages, as they go into the socket. */
interface Batch {
  readonly bytes: Buffer;
  readonly frames: number;
}

/** By the position that each begins with; none where they would be too many, or each has its time. */
function makeAhead({ templates, laps, speed }: FreshRelayOptions): ReadonlyMap<number, Batch> {
  const batches = new Map<number, Batch>();
  const bytesALap = templates.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (speed !== Number.POSITIVE_INFINITY || bytesALap * laps > MOST_AHEAD_BYTES) return batches;
  const total = templates.length * laps;
  for (let position = 0; position < total; ) {
    const batch = makeBatch(templates, position, total);
    batches.set(position, batch);
    position += batch.frames;
  }
  return batches;
}

/** From that position on, as many as a batch holds, none at or after `end`. */
function makeBatch(templates: readonly FrameTemplate[], position: number, end: number): Batch {
  const chosen: FrameTemplate[] = [];
  let room = 0;
  while (room < BATCH_BYTES && position + chosen.length < end) {
    const template = templates[(position + chosen.length) % templates.length] as FrameTemplate;
    chosen.push(template);
    room += HEAD_BYTES + template.bytes.length;
  }
  const bytes = Buffer.allocUnsafe(room);
  let at = 0;
  for (const [index, template] of chosen.entries()) {
    at += putHead(template.bytes.length, bytes, at);
    const lap = Math.floor((position + index) / templates.length);
    putFreshFrame(template, { lap, seq: FIRST_SEQ + position + index }, { into: bytes, at });
    at += template.bytes.length;
  }
  return { bytes: bytes.subarray(0, at), frames: chosen.length };
}

function serve(
  socket: Socket,
  { templates, laps, speed, onSent, batches }: FreshRelayOptions & { readonly batches: ReadonlyMap<number, Batch> },
  start: { startedAtMs: number; position: number },
): void {
  const total = templates.length * laps;
  let { position } = start;
  let isFull = false;
  const due = (): number =>
    speed === Number.POSITIVE_INFINITY
      ? total
      : Math.min(total, Math.floor(((performance.now() - start.startedAtMs) * speed) / 1000));
  const tellSent = (from: number, frames: number, tell: NonNullable<typeof onSent>): void => {
    for (let sent = from; sent < from + frames; sent += 1) {
      const { did } = templates[sent % templates.length] as FrameTemplate;
      tell(FIRST_SEQ + sent, didInLap(did, Math.floor(sent / templates.length)), performance.now());
    }
  };
  const send = (): void => {
    for (let end = due(); !isFull && !socket.destroyed && position < end; end = due()) {
      const { bytes, frames } = batches.get(position) ?? makeBatch(templates, position, end);
      if (onSent !== undefined) tellSent(position, frames, onSent);
      position += frames;
      isFull = !socket.write(bytes);
    }
  };
  socket.on("drain", () => {
    isFull = false;
    send();
  });
  const ticking = setInterval(send, TICK_MS);
  socket.once("close", () => clearInterval(ticking));
  send();
}

/** Of a whole binary message from a server: not masked. Returns how long it is. */
function putHead(length: number, into: Buffer, at: number): number {
  into[at] = 0x82;
  if (length < 126) {
    into[at + 1] = length;
    return 2;
  }
  into[at + 1] = length < 2 ** 16 ? 126 : 127;
  if (length < 2 ** 16) return into.writeUInt16BE(length, at + 2) - at;
  return into.writeBigUInt64BE(BigInt(length), at + 2) - at;
}

if (import.meta.main) {
  const number = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    options: { frames: number, laps: number, speed: number },
    allowPositionals: true,
  });
  const { frames = "Infinity", laps = "1", speed = "Infinity" } = values;
  const onSubscriber = () => console.error(JSON.stringify({ time: new Date(), msg: "subscriber connected" }));
  const templates = readTemplates(positionals[0] ?? "", Number(frames));
  const relay = await serveFreshFrames({ templates, laps: Number(laps), speed: Number(speed), onSubscriber });
  console.log(`relay at ${relay.url}, ${templates.length} frames`);
}
