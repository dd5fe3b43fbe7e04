/** Frames → the binary websocket messages of a server, one after the other in one buffer: RFC 6455 §5.2, unmasked, each whole. */

const FINAL_BINARY = 0x82;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

export function binaryMessages(frames: readonly Uint8Array[]): Buffer {
  const out = Buffer.allocUnsafe(frames.reduce((sum, { length }) => sum + headBytes(length) + length, 0));
  let at = 0;
  for (const frame of frames) {
    at = writeHead(out, at, frame.length);
    out.set(frame, at);
    at += frame.length;
  }
  return out;
}

function headBytes(length: number): 2 | 4 | 10 {
  if (length < LENGTH_16) return 2;
  return length < 2 ** 16 ? 4 : 10;
}

function writeHead(out: Buffer, at: number, length: number): number {
  out[at] = FINAL_BINARY;
  switch (headBytes(length)) {
    case 2:
      return out.writeUInt8(length, at + 1);
    case 4:
      out[at + 1] = LENGTH_16;
      return out.writeUInt16BE(length, at + 2);
    case 10:
      out[at + 1] = LENGTH_64;
      return out.writeBigUInt64BE(BigInt(length), at + 2);
  }
}
