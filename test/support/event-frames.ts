/** Small frames with a given seq and time, as a relay would send them, for tests of the way and not of the content. */

import type { CborValue } from "../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../lib/core/dag-cbor-encode.ts";

const START_MS = Date.parse("2026-11-01T00:00:00.000Z");

/** One event a second from the start of November on. */
export function timeOfSeq(seq: number): number {
  return START_MS + seq * 1000;
}

export function identityFrame(seq: number, timeMs: number = timeOfSeq(seq)): Buffer {
  return messageFrame("#identity", {
    seq,
    did: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
    time: new Date(timeMs).toISOString(),
  });
}

export function messageFrame(t: string, body: Readonly<Record<string, CborValue>>): Buffer {
  return Buffer.concat([encodeMap({ op: 1, t }), encodeMap(body)]);
}

export function infoFrame(name: string): Buffer {
  return messageFrame("#info", { name });
}

export function errorFrame(error: string): Buffer {
  return Buffer.concat([encodeMap({ op: -1 }), encodeMap({ error, message: "scripted" })]);
}

function encodeMap(fields: Readonly<Record<string, CborValue>>): Uint8Array {
  return encodeCbor(new Map(Object.entries(fields)));
}
