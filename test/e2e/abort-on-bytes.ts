/**
 * Loaded before a bundle: its process aborts, as a fault in native code makes it, when it sends certain bytes (`ABORT_ON_BYTES`, hexadecimal) to a
 * server. The bundle itself stays as it is deployed.
 */
import { Socket } from "node:net";

const deadly = Buffer.from(process.env["ABORT_ON_BYTES"] ?? "", "hex");
if (deadly.length === 0) throw new Error("ABORT_ON_BYTES is not set");
const { write } = Socket.prototype;

Socket.prototype.write = function (this: Socket, ...given: unknown[]): boolean {
  const [chunk] = given;
  if (chunk instanceof Uint8Array && Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).includes(deadly)) {
    process.abort();
  }
  return Reflect.apply(write, this, given) as boolean;
};
