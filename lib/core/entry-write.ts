/** FirehoseEvent and its frame → the established Redis entry: `type`, `data`, `seq`. Form: docs/formats.md. */

import { cidText, digestOf } from "./cid.ts";
import { type FrameTexts, type OpTexts, readFrameTexts } from "./entry-frame.ts";
import type { AccountEvent, CommitEvent, CommitOp, FirehoseEvent, IdentityEvent, SyncEvent } from "./event.ts";
import { encodeEnvelope, keepOps } from "./pack-envelope.ts";
import { plainJson } from "./plain-json.ts";
import { tidText } from "./tid.ts";
import { base64, hex } from "./utf8.ts";

/** The three fields, in the order in which readers expect them. */
export interface Entry {
  readonly type: "commit" | "identity" | "account";
  /** JSON. */
  readonly data: string;
  /** Decimal. */
  readonly seq: string;
}

/** Where the relay's numbering stands that `seq` belongs to. */
export interface EntryOrigin {
  readonly relay: string;
  readonly epoch: number;
}

/**
 * What readers of the established form know comes first; everything that they do not know stands in `data` behind it. What that form
 * cannot say (rejected events, ops with a fault or with a record that is no JSON) travels whole, as an envelope of packs, in `data.rest`.
 */
export function encodeEntry(event: FirehoseEvent, frame: Uint8Array | null, origin: EntryOrigin): Entry {
  const texts = frame === null ? null : readFrameTexts(frame);
  const more = common(event, texts, origin);
  const seq = String(event.seq);
  switch (event.kind) {
    case "commit":
      return { type: "commit", data: commitData(event, texts, more), seq };
    case "sync":
      return { type: "commit", data: syncData(event, texts, more), seq };
    case "identity":
      return { type: "identity", data: identityData(event, more), seq };
    case "account":
      return { type: "account", data: accountData(event, more), seq };
    case "rejected":
      return { type: "commit", data: `{"repo":${text(event.did)},"ops":[],${more}${rest(event)}}`, seq };
  }
}

// JSON by hand: each entry is written once, and asking which of an object's fields are there cost as much as all texts in it. What is a DID, a TID, a path or a
// CID by its form needs no escape.

function text(value: string): string {
  return JSON.stringify(value);
}

/** `,"name":"…"`, or nothing. */
function optional(name: string, plain: string | undefined): string {
  return plain === undefined ? "" : `,"${name}":"${plain}"`;
}

function commitData(event: CommitEvent, texts: FrameTexts | null, more: string): string {
  let ops = "";
  const unsaid = new Set<CommitOp>();
  for (const op of event.ops) {
    const json = opJson(op, texts);
    if (json === null) unsaid.add(op);
    else ops += ops === "" ? json : `,${json}`;
  }
  const since = event.since === null ? "null" : `"${tidText(event.since)}"`;
  const links = optional("commit", texts?.commit) + optional("prevData", texts?.prevData);
  const unsaidOps = unsaid.size === 0 ? "" : rest(keepOps(event, (op) => unsaid.has(op)));
  return `{"repo":"${event.did}","ops":[${ops}],"rev":"${tidText(event.rev)}","since":${since},${more}${links},"tree":"${wholeHex(event.tree)}"${unsaidOps}}`;
}

function syncData(event: SyncEvent, texts: FrameTexts | null, more: string): string {
  const blocks = texts?.blocks === undefined ? "" : `"blocks":"${base64(texts.blocks)}",`;
  const sync = `{${blocks}"tree":"${wholeHex(event.tree)}"}`;
  return `{"repo":"${event.did}","ops":[],"rev":"${tidText(event.rev)}",${more},"sync":${sync}}`;
}

/** The established form has a handle in any case: where none was sent, the DID stands for it. */
function identityData({ did, handle }: IdentityEvent, more: string): string {
  return `{"did":"${did}","handle":${text(handle ?? did)},${more},"sentHandle":${handle === null ? "null" : text(handle)}}`;
}

function accountData({ did, active, status }: AccountEvent, more: string): string {
  return `{"did":"${did}","active":${active},${status === null ? "" : `"status":${text(status)},`}${more}}`;
}

function common(
  { timeMs, receivedAtMs }: FirehoseEvent,
  texts: FrameTexts | null,
  { relay, epoch }: EntryOrigin,
): string {
  const time = timeMs === null ? "null" : text(texts?.time ?? new Date(timeMs).toISOString());
  return `"time":${time},"receivedAt":${receivedAtMs},"relay":${text(relay)},"epoch":${epoch}`;
}

function rest(event: FirehoseEvent): string {
  return `,"rest":"${base64(encodeEnvelope(event))}"`;
}

/** Deeper than our own tables take: JSON has no limit, and whoever reads it may. */
const MAX_JSON = { maxDepth: 256 };

/** Null where the established form has no words for it. */
function opJson(op: CommitOp, texts: FrameTexts | null): string | null {
  if (op.fault !== null) return null;
  const path = `${op.collection}/${op.rkey}`;
  // Whole, where an event holds their first half only, or nothing, since the record hashes to it.
  const links: OpTexts | undefined = texts?.ops.get(path);
  const head = `{"action":"${op.action}","path":"${path}"`;
  const prev = optional("prev", links?.prev);
  if (op.record === null) return `${head}${prev}}`;
  const record = plainJson(op.record, MAX_JSON);
  if (record === null) return null;
  const cid = links?.cid ?? cidText(digestOf(op.record));
  return `${head},"cid":"${cid}","record":${record}${prev},"cbor":"${base64(op.record)}"}`;
}

function wholeHex(bytes: Uint8Array): string {
  return hex(bytes, 0, bytes.length);
}
