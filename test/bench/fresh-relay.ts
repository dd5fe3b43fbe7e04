/**
 * `node fresh-relay.ts RECORDING [--frames N] [--laps N] [--speed N]`: a recording as a relay's stream, lap after lap under new accounts
 * (fresh-frames.ts), with as little work as can be, since it shares the machine with what is measured: the websocket's messages are
 * written by the hundred. Prints where it listens. Also used within a process.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";
import { openRecording } from "../../lib/core/recording.ts";
import { didInLap, FIRST_SEQ, type FrameTemplate, frameTemplate, freshFrame } from "./fresh-frames.ts";

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
  const http = createServer();
  const websockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const started: { atMs: number | null } = { atMs: null };
  http.on("upgrade", (request: IncomingMessage, socket: Socket, head) => {
    websockets.handleUpgrade(request, socket, head, (websocket) => {
      websocket.on("error", () => socket.destroy());
      started.atMs ??= performance.now();
      options.onSubscriber?.();
      serve(socket, options, { startedAtMs: started.atMs, position: positionAfter(request.url ?? "/") });
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

function serve(socket: Socket, options: FreshRelayOptions, start: { startedAtMs: number; position: number }): void {
  const { templates, laps, speed, onSent } = options;
  const total = templates.length * laps;
  let { position } = start;
  let isFull = false;
  const send = (): void => {
    const happened =
      speed === Number.POSITIVE_INFINITY ? total : ((performance.now() - start.startedAtMs) * speed) / 1000;
    while (!isFull && !socket.destroyed && position < Math.min(total, Math.floor(happened))) {
      const messages: Buffer[] = [];
      for (let bytes = 0; bytes < BATCH_BYTES && position < Math.min(total, Math.floor(happened)); position += 1) {
        const template = templates[position % templates.length] as FrameTemplate;
        const lap = Math.floor(position / templates.length);
        const frame = freshFrame(template, lap, FIRST_SEQ + position);
        onSent?.(FIRST_SEQ + position, didInLap(template.did, lap), performance.now());
        messages.push(messageHead(frame.length), frame);
        bytes += frame.length;
      }
      isFull = !socket.write(Buffer.concat(messages));
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

/** Of a whole binary message from a server: not masked. */
function messageHead(length: number): Buffer {
  if (length < 126) return Buffer.of(0x82, length);
  if (length < 2 ** 16) return Buffer.of(0x82, 126, length >>> 8, length & 0xff);
  const head = Buffer.alloc(10);
  head.set([0x82, 127]);
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
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
