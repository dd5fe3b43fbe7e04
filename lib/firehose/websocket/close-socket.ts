/** Ends a websocket, politely where somebody may be listening. */
import type { WebSocket } from "ws";

/** A close frame is answered or not within this; then the socket is cut. Stopping must take less than a second. */
const CLOSE_TIMEOUT_MS = 500;

/** Resolves when it is closed. */
export async function closeSocket(socket: WebSocket, { politely }: { readonly politely: boolean }): Promise<void> {
  if (socket.readyState === socket.CLOSED) return;
  // Not `once` of node:events, which rejects on an error: while closing, one more is no news.
  const closed = new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
  });
  const timer = setTimeout(() => socket.terminate(), politely ? CLOSE_TIMEOUT_MS : 0);
  // A paused socket would never read the other side's answer.
  socket.resume();
  if (politely) socket.close(1000);
  await closed;
  clearTimeout(timer);
}
