/** A real websocket server on a free port that does what a test tells it, connection by connection. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { identityFrame } from "./event-frames.ts";

export interface RelayConnection {
  /** Counts from 0. */
  readonly index: number;
  readonly cursor: number | null;
  readonly socket: WebSocket;
  /** The socket under it. */
  readonly raw: Duplex;
  /** Sends an event for each seq. */
  readonly sendEvents: (...seqs: number[]) => void;
}

export interface ScriptedRelay extends AsyncDisposable {
  /** For the source's list of relays. */
  readonly url: string;
  readonly host: string;
  /** In the order they came. */
  readonly connections: readonly RelayConnection[];
  /** Cursors asked for, refused ones included. */
  readonly cursors: readonly (number | null)[];
}

/** Raw bytes. */
export interface HttpAnswer {
  readonly text: string;
}

export interface RelayScript {
  readonly onConnection?: (connection: RelayConnection) => void;
  /** Answers an upgrade by itself, with HTTP or ("handled") in its own way or not at all; nothing lets the websocket open. */
  readonly onUpgrade?: (upgrade: {
    readonly index: number;
    readonly url: string;
    readonly socket: Duplex;
    readonly request: IncomingMessage;
  }) => HttpAnswer | "handled" | undefined;
}

export async function startScriptedRelay(script: RelayScript): Promise<ScriptedRelay> {
  const http = createServer((_request, response) => response.writeHead(404).end());
  const websockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const sockets = new Set<Duplex>();
  const connections: RelayConnection[] = [];
  const cursors: (number | null)[] = [];
  http.on("upgrade", (request, socket, head) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
    const url = request.url ?? "/";
    const cursor = cursorOf(url);
    const index = cursors.push(cursor) - 1;
    const answer = script.onUpgrade?.({ index, url, socket, request });
    if (answer === "handled") return;
    if (answer !== undefined) {
      socket.end(answer.text);
      return;
    }
    websockets.handleUpgrade(request, socket, head, (websocket) => {
      const connection = wrap(websocket, { index: connections.length, cursor, raw: socket });
      connections.push(connection);
      script.onConnection?.(connection);
    });
  });
  http.listen({ host: "127.0.0.1", port: 0 });
  await once(http, "listening");
  const host = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    http.close();
    http.closeAllConnections();
    await once(http, "close");
  };
  return { url: `ws://${host}`, host, connections, cursors, [Symbol.asyncDispose]: stop };
}

/** What a plain HTTP server would write in place of a websocket. */
export function httpAnswer(status: string, headers: Readonly<Record<string, string>>, body = ""): HttpAnswer {
  const lines = Object.entries({ ...headers, "Content-Length": String(Buffer.byteLength(body)), Connection: "close" });
  return { text: `HTTP/1.1 ${status}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}` };
}

function wrap(socket: WebSocket, origin: Pick<RelayConnection, "index" | "cursor" | "raw">): RelayConnection {
  socket.on("error", () => socket.terminate());
  const sendEvents = (...seqs: number[]): void => {
    for (const seq of seqs) socket.send(identityFrame(seq));
  };
  return { ...origin, socket, sendEvents };
}

function cursorOf(path: string): number | null {
  const cursor = new URL(path, "ws://relay").searchParams.get("cursor");
  return cursor === null ? null : Number(cursor);
}
