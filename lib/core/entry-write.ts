/** FirehoseEvent and its frame → the established Redis entry: `type`, `data`, `seq`. Form: docs/formats.md. */

import { CidLink, cidText, digestOf } from "./cid.ts";
import { type CborMap, type CborValue, decodeCbor } from "./dag-cbor.ts";
import type { AccountEvent, CommitEvent, CommitOp, FirehoseEvent, IdentityEvent, SyncEvent } from "./event.ts";
import { decodeHeader } from "./frame.ts";
import { encodeEnvelope, keepOps } from "./pack-envelope.ts";
import { plainJson } from "./plain-json.ts";
import { tidText } from "./tid.ts";

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
  const body = frame === null ? null : bodyOf(frame);
  const more = common(event, body, origin);
  const seq = String(event.seq);
  switch (event.kind) {
    case "commit":
      return { type: "commit", data: commitData(event, body, more), seq };
    case "sync":
      return { type: "commit", data: syncData(event, body, more), seq };
    case "identity":
      return { type: "identity", data: identityData(event, more), seq };
    case "account":
      return { type: "account", data: accountData(event, more), seq };
    case "rejected":
      return { type: "commit", data: object({ repo: text(event.did), ops: "[]", ...more, rest: rest(event) }), seq };
  }
}

type Fields = Readonly<Record<string, string | undefined>>;

/** Values are JSON already; undefined leaves a field out. */
function object(fields: Fields): string {
  const parts = Object.entries(fields).flatMap(([key, json]) => (json === undefined ? [] : [`"${key}":${json}`]));
  return `{${parts.join(",")}}`;
}

function text(value: string): string {
  return JSON.stringify(value);
}

function commitData(event: CommitEvent, body: CborMap | null, more: Fields): string {
  const prevs = prevsByPath(body);
  const said: string[] = [];
  const unsaid = new Set<CommitOp>();
  for (const op of event.ops) {
    const json = opJson(op, prevs);
    if (json === null) unsaid.add(op);
    else said.push(json);
  }
  return object({
    repo: text(event.did),
    ops: `[${said.join(",")}]`,
    rev: text(tidText(event.rev)),
    since: event.since === null ? "null" : text(tidText(event.since)),
    ...more,
    commit: link(body?.get("commit")),
    prevData: link(body?.get("prevData")),
    tree: `"${hex(event.tree)}"`,
    rest: unsaid.size === 0 ? undefined : rest(keepOps(event, (op) => unsaid.has(op))),
  });
}

function syncData(event: SyncEvent, body: CborMap | null, more: Fields): string {
  const blocks = body?.get("blocks");
  const sync = object({
    blocks: blocks instanceof Uint8Array ? `"${base64(blocks)}"` : undefined,
    tree: `"${hex(event.tree)}"`,
  });
  return object({ repo: text(event.did), ops: "[]", rev: text(tidText(event.rev)), ...more, sync });
}

/** The established form has a handle in any case: where none was sent, the DID stands for it. */
function identityData(event: IdentityEvent, more: Fields): string {
  return object({
    did: text(event.did),
    handle: text(event.handle ?? event.did),
    ...more,
    sentHandle: event.handle === null ? "null" : text(event.handle),
  });
}

function accountData(event: AccountEvent, more: Fields): string {
  return object({
    did: text(event.did),
    active: String(event.active),
    status: event.status === null ? undefined : text(event.status),
    ...more,
  });
}

function common({ timeMs, receivedAtMs }: FirehoseEvent, body: CborMap | null, { relay, epoch }: EntryOrigin): Fields {
  const sent = body?.get("time");
  return {
    time: timeMs === null ? "null" : text(typeof sent === "string" ? sent : new Date(timeMs).toISOString()),
    receivedAt: String(receivedAtMs),
    relay: text(relay),
    epoch: String(epoch),
  };
}

function rest(event: FirehoseEvent): string {
  return `"${base64(encodeEnvelope(event))}"`;
}

/** Deeper than our own tables take: JSON has no limit, and whoever reads it may. */
const MAX_JSON_DEPTH = 256;

/** Null where the established form has no words for it. */
function opJson(op: CommitOp, prevs: ReadonlyMap<string, string>): string | null {
  if (op.fault !== null) return null;
  const path = `${op.collection}/${op.rkey}`;
  const head = { action: text(op.action), path: text(path) };
  const prev = prevs.get(path);
  if (op.record === null) return object({ ...head, prev });
  const record = decodeCbor(op.record, { maxDepth: MAX_JSON_DEPTH });
  if (!record.ok || !(record.value instanceof Map)) return null;
  return object({
    ...head,
    cid: `"${cidText(digestOf(op.record))}"`,
    record: plainJson(record.value),
    prev,
    cbor: `"${base64(op.record)}"`,
  });
}

/** The frame's body as values: it has been decoded before, so that it can be. */
function bodyOf(frame: Uint8Array): CborMap | null {
  const header = decodeHeader(frame);
  const body = header.kind === "header" ? decodeCbor(frame.subarray(header.bodyAt)) : null;
  return body?.ok === true && body.value instanceof Map ? body.value : null;
}

/** JSON of the CIDs before each op, whole: an event holds their first half only. */
function prevsByPath(body: CborMap | null): ReadonlyMap<string, string> {
  const prevs = new Map<string, string>();
  const ops = body?.get("ops");
  for (const op of Array.isArray(ops) ? ops : []) {
    const path = op instanceof Map ? op.get("path") : undefined;
    const prev = op instanceof Map ? link(op.get("prev")) : undefined;
    if (typeof path === "string" && prev !== undefined) prevs.set(path, prev);
  }
  return prevs;
}

function link(value: CborValue | undefined): string | undefined {
  return value instanceof CidLink ? `"${value.text}"` : undefined;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
