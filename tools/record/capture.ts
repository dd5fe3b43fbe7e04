// In: the PDS's websocket. Out: every frame as it came, and what a frame says, read by the protocol's own codec.
import { once } from "node:events";
import { decodeAll } from "@atproto/lex-cbor";
import { WebSocket } from "ws";

export interface FrameOp {
  action: "create" | "update" | "delete";
  path: string;
  cid: { toString(): string } | null;
}

export interface DecodedFrame {
  kind: string;
  seq: number;
  did: string;
  body: Record<string, unknown>;
  ops: readonly FrameOp[];
}

/** Reads one frame. Throws on an error frame: the server only sends one when it is about to hang up. */
export function decodeFrame(bytes: Uint8Array): DecodedFrame {
  const [header, body] = [...decodeAll(bytes)] as [{ op: number; t: string }, Record<string, unknown>];
  if (header.op !== 1) throw new Error(`the PDS sent an error frame: ${JSON.stringify(body)}`);
  return {
    kind: header.t,
    seq: body.seq as number,
    did: (body.did ?? body.repo) as string,
    body,
    ops: (body.ops ?? []) as FrameOp[],
  };
}

/** Keeps all frames from seq 0 on. */
export class Capture implements Disposable {
  readonly frames: Uint8Array[] = [];
  lastSeq = 0;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => {
      const { seq } = decodeFrame(data);
      if (seq <= this.lastSeq) throw new Error(`seq ${seq} came after ${this.lastSeq}`);
      this.lastSeq = seq;
      // A copy: the socket's buffer is shared with other messages.
      this.frames.push(new Uint8Array(data));
    });
  }

  static async connect(pdsUrl: string): Promise<Capture> {
    const url = `${pdsUrl.replace("http", "ws")}/xrpc/com.atproto.sync.subscribeRepos?cursor=0`;
    const socket = new WebSocket(url);
    await once(socket, "open");
    return new Capture(socket);
  }

  /** Resolves once the frame `seq` is here. Rejects after `limitMs`. */
  async reached(seq: number, limitMs = 30_000): Promise<void> {
    const limit = AbortSignal.timeout(limitMs);
    while (this.lastSeq < seq) await once(this.#socket, "message", { signal: limit });
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}
