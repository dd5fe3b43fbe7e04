/** Bodies of #identity and #account → event. */

import { type CborReader, knownKeys } from "./cbor-reader.ts";
import { finishBody } from "./decode-commit.ts";
import type { Message } from "./event.ts";
import { type MapShape, readFields } from "./frame.ts";
import { MAX_HANDLE_CHARS } from "./limits.ts";
import { complain, type Envelope, readEnvelopeField, rejected, shown } from "./message-fields.ts";

interface IdentityBody extends Envelope {
  handle: string | null;
}

interface AccountBody extends Envelope {
  active: boolean | undefined;
  status: string | null;
}

const IDENTITY: MapShape = { depth: 0, keys: knownKeys(["did", "seq", "time", "handle"]) };
const ACCOUNT: MapShape = { depth: 0, keys: knownKeys(["did", "seq", "time", "active", "status"]) };

/** Body of an #identity, at which the reader stands. Throws `MalformedBytesError` where the bytes are no DAG-CBOR. */
export function readIdentity(reader: CborReader, receivedAtMs: number): Message {
  const body: IdentityBody = { seq: 0, did: "", didAt: -1, timeMs: null, complaint: null, handle: null };
  finishBody(reader, body, readFields(reader, IDENTITY, body, readIdentityField));
  if (body.complaint !== null) {
    return rejected(body, body.complaint, { rawFrame: reader.bytes, receivedAtMs });
  }
  const { seq, did, timeMs, handle } = body;
  return { kind: "event", event: { kind: "identity", seq, did, timeMs, receivedAtMs, handle } };
}

/** Body of an #account, likewise. */
export function readAccount(reader: CborReader, receivedAtMs: number): Message {
  const body: AccountBody = {
    seq: 0,
    did: "",
    didAt: -1,
    timeMs: null,
    complaint: null,
    active: undefined,
    status: null,
  };
  finishBody(reader, body, readFields(reader, ACCOUNT, body, readAccountField));
  const { seq, did, timeMs, active, status } = body;
  if (body.complaint !== null || active === undefined) {
    const complaint = body.complaint ?? { reason: "broken-envelope", detail: "active is missing or no boolean" };
    return rejected(body, complaint, { rawFrame: reader.bytes, receivedAtMs });
  }
  return { kind: "event", event: { kind: "account", seq, did, timeMs, receivedAtMs, active, status } };
}

function readIdentityField(reader: CborReader, key: string, body: IdentityBody): void {
  if (key !== "handle") {
    readEnvelopeField(reader, key, body, "did");
  } else if (!reader.tryNull()) {
    const text = reader.tryText();
    if (text === undefined) {
      complain(body, "broken-envelope", "handle is not a text");
    } else {
      body.handle = storableHandle(text);
    }
  }
}

/**
 * A handle is kept as it was sent, whatever its syntax, since nothing here resolves it. One longer than any handle can be, or with U+0000, becomes
 * the protocol's word for a handle that does not hold (handle specification).
 */
function storableHandle(text: string): string {
  return text.length > MAX_HANDLE_CHARS || text.includes("\0") ? "handle.invalid" : text;
}

function readAccountField(reader: CborReader, key: string, body: AccountBody): void {
  switch (key) {
    case "active":
      body.active = reader.tryBoolean();
      break;
    case "status":
      readStatus(reader, body);
      break;
    default:
      readEnvelopeField(reader, key, body, "did");
  }
}

function readStatus(reader: CborReader, body: AccountBody): void {
  if (reader.tryNull()) {
    return;
  }
  const text = reader.tryText();
  if (text === undefined) {
    complain(body, "broken-envelope", "status is not a text");
  } else {
    body.status = shown(text);
  }
}
