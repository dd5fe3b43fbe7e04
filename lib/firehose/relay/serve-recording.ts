/** A recording → a server that behaves like a relay: what `standpipe relay --replay FILE` runs. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { RecordingBlock } from "../../core/recording.ts";
import type { Log } from "../../telemetry/port.ts";
import { FrameStore } from "./frame-store.ts";
import { errorFrame, infoFrame } from "./message-frames.ts";
import { Subscriber } from "./subscriber.ts";
import { Timeline } from "./timeline.ts";

export interface ServeRecordingOptions {
  /** 'f' blocks of the recording (`openRecordingFile(path).frameBlocks`). */
  readonly frameBlocks: readonly RecordingBlock[];
  readonly log: Log;
  /** 127.0.0.1. */
  readonly host?: string;
  /** 0: any free one. */
  readonly port?: number;
  /**
   * Events a second; they begin to happen with the first subscriber. `"max"` (the default): the whole recording has happened, a
   * subscriber gets it as fast as it reads, and one without a cursor gets it from its beginning.
   */
  readonly speed?: number | "max";
  /** How often the recording is played (1); `true` without end. Later rounds carry rewritten seqs: the same events come again as new. */
  readonly loop?: number | true;
  /** How many of the newest events a cursor reaches back; without it all. */
  readonly windowEvents?: number;
  /** Whether a cursor's own event is sent again, as some relays do (false). */
  readonly inclusive?: boolean;
  /** Slow subscribers: bytes buffered for one (1 MiB), … */
  readonly maxBufferedBytes?: number;
  /** … events that one may fall behind after it had caught up (16,384, as the reference relay), … */
  readonly maxLagEvents?: number;
  /** … and how long it may take nothing, milliseconds (30,000). */
  readonly stallMs?: number;
}

export interface RelayServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** For RELAY_URL. */
  readonly url: string;
  stats(): RelayStats;
}

export interface RelayStats {
  readonly subscribers: number;
  /** Over all subscribers. */
  readonly sentFrames: number;
  readonly cutSubscribers: number;
}

/** The server cannot listen: the port is taken, or the host is not ours. */
export class RelayListenError extends Error {
  override readonly name = "RelayListenError";
}

const SUBSCRIBE_PATH = "/xrpc/com.atproto.sync.subscribeRepos";
/** How often events happen and stalls are looked for. */
const TICK_MS = 10;

/** Resolves when it listens. Throws RecordingError where a block is damaged, RelayListenError where the port cannot be had. */
export async function serveRecording(options: ServeRecordingOptions): Promise<RelayServer> {
  const relay = new ReplayRelay(options);
  await relay.listen(options.host ?? "127.0.0.1", options.port ?? 0);
  return relay;
}

class ReplayRelay implements RelayServer {
  readonly #options: ServeRecordingOptions;
  readonly #timeline: Timeline;
  readonly #http: Server;
  readonly #websockets: WebSocketServer;
  readonly #subscribers = new Set<Subscriber>();
  #ticking: NodeJS.Timeout | null = null;
  /** When events began to happen, monotonic milliseconds. */
  #startedAtMs: number | null = null;
  #sentFrames = 0;
  #cutSubscribers = 0;

  constructor(options: ServeRecordingOptions) {
    this.#options = options;
    const { speed = "max", loop = 1, windowEvents = Number.POSITIVE_INFINITY } = options;
    const loops = loop === true ? Number.POSITIVE_INFINITY : loop;
    this.#timeline = new Timeline(new FrameStore(options.frameBlocks), { speed, loops, windowEvents });
    this.#http = createServer((request, response) => answerHttp(request, response));
    this.#http.on("upgrade", (request, socket, head) => this.#onUpgrade(request, socket, head));
    // A subscriber has nothing to say.
    this.#websockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 1024 });
  }

  async listen(host: string, port: number): Promise<void> {
    try {
      this.#http.listen({ host, port });
      await once(this.#http, "listening");
    } catch (cause) {
      throw new RelayListenError(`relay cannot listen on ${host}:${port}`, { cause });
    }
    this.#ticking = setInterval(() => {
      for (const subscriber of this.#subscribers) subscriber.tick();
    }, TICK_MS);
  }

  get host(): string {
    return (this.#http.address() as AddressInfo).address;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://${this.host.includes(":") ? `[${this.host}]` : this.host}:${this.port}`;
  }

  stats(): RelayStats {
    return { subscribers: this.#subscribers.size, sentFrames: this.#sentFrames, cutSubscribers: this.#cutSubscribers };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ticking !== null) clearInterval(this.#ticking);
    for (const socket of this.#websockets.clients) socket.terminate();
    if (!this.#http.listening) return;
    const closed = once(this.#http, "close");
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
  }

  #onUpgrade(request: IncomingMessage, connection: Duplex, head: Buffer): void {
    connection.on("error", () => connection.destroy());
    const url = new URL(request.url ?? "/", "ws://relay");
    const cursor = parseCursor(url.searchParams.get("cursor"));
    if (url.pathname !== SUBSCRIBE_PATH) return refuseUpgrade(connection, "404 Not Found");
    if (cursor === "invalid") return refuseUpgrade(connection, "400 Bad Request");
    this.#websockets.handleUpgrade(request, connection, head, (socket) => this.#subscribe(socket, request, cursor));
  }

  #subscribe(socket: WebSocket, request: IncomingMessage, cursor: number | null): void {
    const { log, inclusive = false } = this.#options;
    socket.on("error", (error) => log.debug("subscriber broke the protocol", { error: error.message }));
    // Nothing has happened before the first one came, however long this process is kept from going on here.
    const happened = this.#happened();
    this.#startedAtMs ??= performance.now();
    const start = this.#timeline.start(cursor, happened, { inclusive });
    log.info("subscriber connected", { cursor, ...start });
    if (start.kind === "future") {
      socket.send(errorFrame("FutureCursor", `newest seq is ${start.newestSeq}`));
      return socket.close(1008, "FutureCursor");
    }
    if (start.outdated) socket.send(infoFrame("OutdatedCursor", "requested cursor exceeded the replay window"));
    this.#serve(socket, request, start.position);
  }

  #serve(socket: WebSocket, request: IncomingMessage, position: number): void {
    const { log, maxBufferedBytes = 1024 * 1024, maxLagEvents = 16_384, stallMs = 30_000 } = this.#options;
    const subscriber = new Subscriber({
      socket,
      connection: request.socket,
      position,
      frames: (from, max) => this.#timeline.frames(from, this.#happened(), max),
      happened: () => this.#happened(),
      maxBufferedBytes,
      maxLagEvents,
      stallMs,
      onSent: (frames) => {
        this.#sentFrames += frames;
      },
      onCut: (why) => {
        this.#cutSubscribers += 1;
        log.warn("subscriber is too slow and is cut", { why });
      },
    });
    this.#subscribers.add(subscriber);
    socket.once("close", () => this.#subscribers.delete(subscriber));
    subscriber.tick();
  }

  #happened(): number {
    return this.#timeline.happened(this.#startedAtMs === null ? 0 : performance.now() - this.#startedAtMs);
  }
}

/** A whole number from 0 on; absent is null. */
function parseCursor(text: string | null): number | null | "invalid" {
  if (text === null || text === "") return null;
  const cursor = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(cursor) ? cursor : "invalid";
}

function refuseUpgrade(connection: Duplex, status: string): void {
  connection.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function answerHttp(request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? "/", "http://relay");
  if (pathname === "/xrpc/_health") return answerJson(response, 200, { version: "standpipe-relay" });
  if (pathname !== SUBSCRIBE_PATH)
    return answerJson(response, 404, { error: "NotFound", message: `no ${pathname} here` });
  response.setHeader("Upgrade", "websocket");
  answerJson(response, 426, { error: "UpgradeRequired", message: "this is a websocket" });
}

function answerJson(response: ServerResponse, status: number, body: Readonly<Record<string, string>>): void {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}
