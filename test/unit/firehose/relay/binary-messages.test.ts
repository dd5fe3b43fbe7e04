import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { binaryMessages } from "../../../../lib/firehose/relay/binary-messages.ts";

describe("binary messages", () => {
  it("of every length, written at once, are what a websocket client receives one by one", async () => {
    const frames = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000].map((length) => Buffer.alloc(length, length % 251));
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    server.on("connection", (_socket, request) => request.socket.write(binaryMessages(frames)));
    await once(server, "listening");
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    try {
      const received: Buffer[] = [];
      await new Promise<void>((resolve, reject) => {
        client.on("error", reject);
        client.on("message", (data, isBinary) => {
          expect(isBinary).toBe(true);
          received.push(data as Buffer);
          if (received.length === frames.length) resolve();
        });
      });
      expect(received).toEqual(frames);
    } finally {
      client.terminate();
      server.close();
    }
  });
});
