/** One client of the replay relay: sends it frames as fast as it takes them, and cuts it when it does not. */
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import { binaryMessages } from "./binary-messages.ts";
import { errorFrame } from "./message-frames.ts";

export interface SubscriberOptions {
  readonly socket: WebSocket;
  /** The connection under it: a batch leaves in one write, past the websocket, which has nothing of its own to say meanwhile. */
  readonly connection: Socket;
  /** First position to send. */
  readonly position: number;
  /** Up to `max` frames from a position on. */
  readonly frames: (position: number, max: number) => readonly Uint8Array[];
  /** How many events have happened. */
  readonly happened: () => number;
  /** Bytes handed to the socket and not yet taken by it, at the most. */
  readonly maxBufferedBytes: number;
  /** A subscriber that had caught up and falls so many events behind is cut. */
  readonly maxLagEvents: number;
  /** One that takes nothing for so long is cut. */
  readonly stallMs: number;
  readonly onSent: (frames: number) => void;
  readonly onCut: (why: string) => void;
}

const BATCH_FRAMES = 128;
/** The error frame of a cut subscriber is offered for so long; then the socket is ended. */
const CUT_TIMEOUT_MS = 1_000;

export class Subscriber {
  readonly #options: SubscriberOptions;
  #position: number;
  /** A batch is on its way: its callback goes on. */
  #sending = false;
  #caughtUp = false;
  #cut = false;
  /** When the batch on its way was handed over, monotonic milliseconds. */
  #sendingSinceMs = 0;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.#position = options.position;
  }

  /** To be called when events have happened and, now and then, to notice a stall. */
  tick(): void {
    const { happened, maxLagEvents, stallMs } = this.#options;
    if (this.#cut) return;
    const lag = happened() - this.#position;
    if (lag === 0) this.#caughtUp = true;
    if (this.#caughtUp && lag > maxLagEvents) return this.#cutOff(`${lag} events behind`);
    if (this.#sending && performance.now() - this.#sendingSinceMs > stallMs)
      return this.#cutOff(`took nothing for ${stallMs} ms`);
    this.#pump();
  }

  #pump(): void {
    const { socket, connection, frames, happened, onSent, maxBufferedBytes } = this.#options;
    if (this.#sending || this.#cut || socket.readyState !== socket.OPEN) return;
    const batch = within(frames(this.#position, BATCH_FRAMES), maxBufferedBytes - socket.bufferedAmount);
    if (batch.length === 0) return;
    this.#sending = true;
    this.#sendingSinceMs = performance.now();
    // One write of all: a `send` a frame costs ten times as much, and whoever measures a reader measures the sender too.
    connection.write(binaryMessages(batch), (error) => this.#taken(error));
    this.#position += batch.length;
    // Here, too: between two ticks something has always happened where events come quickly.
    if (this.#position >= happened()) this.#caughtUp = true;
    onSent(batch.length);
  }

  #taken(error: Error | null | undefined): void {
    this.#sending = false;
    if (error !== null && error !== undefined) return;
    // Not at once: a fast reader must not keep the others waiting.
    setImmediate(() => this.#pump());
  }

  #cutOff(why: string): void {
    const { socket, onCut } = this.#options;
    this.#cut = true;
    onCut(why);
    socket.send(errorFrame("ConsumerTooSlow", why));
    socket.close(1008, "ConsumerTooSlow");
    const timer = setTimeout(() => socket.terminate(), CUT_TIMEOUT_MS);
    socket.once("close", () => clearTimeout(timer));
  }
}

/** The first frames, as many as fit into so many bytes; one in any case. */
function within(frames: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let sum = 0;
  const end = frames.findIndex(({ length }) => {
    sum += length;
    return sum > bytes;
  });
  return end === -1 ? frames : frames.slice(0, Math.max(1, end));
}
