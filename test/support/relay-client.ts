/** A plain websocket client of a relay that keeps what it receives, decoded. */
import { once } from "node:events";
import { WebSocket } from "ws";
import { decodeMessage } from "../../lib/core/decode-event.ts";
import type { Message } from "../../lib/core/event.ts";

export interface RelayClient extends AsyncDisposable {
  readonly socket: WebSocket;
  readonly messages: readonly Message[];
  /** Of the events, in order. */
  readonly seqs: readonly number[];
  /** Close code, once closed. */
  readonly closed: Promise<number>;
}

export async function connectToRelay(url: string, cursor?: number | string): Promise<RelayClient> {
  const query = cursor === undefined ? "" : `?cursor=${cursor}`;
  const socket = new WebSocket(`${url}/xrpc/com.atproto.sync.subscribeRepos${query}`, { perMessageDeflate: false });
  const messages: Message[] = [];
  const seqs: number[] = [];
  const closed = Promise.withResolvers<number>();
  socket.on("message", (data) => {
    const message = decodeMessage(data as Buffer, 0);
    messages.push(message);
    if (message.kind === "event") seqs.push(message.event.seq);
  });
  socket.once("close", (code) => closed.resolve(code));
  await once(socket, "open");
  const dispose = async (): Promise<void> => socket.terminate();
  return { socket, messages, seqs, closed: closed.promise, [Symbol.asyncDispose]: dispose };
}
