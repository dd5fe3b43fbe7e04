/** What a relay says about the stream itself → frames: `#info` messages and errors. */
import { encodeCbor } from "../../core/dag-cbor-encode.ts";

export function infoFrame(name: "OutdatedCursor", message: string): Uint8Array {
  return frame({ op: 1, t: "#info" }, { name, message });
}

/** A relay closes after it. */
export function errorFrame(error: "FutureCursor" | "ConsumerTooSlow", message: string): Uint8Array {
  return frame({ op: -1 }, { error, message });
}

function frame(header: Readonly<Record<string, string | number>>, body: Readonly<Record<string, string>>): Uint8Array {
  return Buffer.concat([encodeCbor(new Map(Object.entries(header))), encodeCbor(new Map(Object.entries(body)))]);
}
