/** The established Redis entry (`type`, `data`, `seq`), of any writer → event. Form: docs/formats.md. */

import { cidText, DIGEST_PREFIX_BYTES, digestOf, parseCidText, sameDigest } from "./cid.ts";
import type { Entry, EntryOrigin } from "./entry-write.ts";
import type { CommitEvent, CommitOp, Digest, DigestPrefix, FirehoseEvent, OpAction, OpFault } from "./event.ts";
import { guessRecord } from "./guess-record.ts";
import { MAX_HANDLE_CHARS } from "./limits.ts";
import { quoted, shown } from "./message-fields.ts";
import { decodeEnvelope } from "./pack-envelope.ts";
import { isDid, isNsid, isRkey, parseDatetimeMs } from "./syntax.ts";
import { parseTid } from "./tid.ts";

export type EntryResult =
  | {
      readonly ok: true;
      readonly event: FirehoseEvent;
      readonly origin: EntryOrigin;
      /** False for entries of writers that carry no rev, and for all their account and identity events: their place in the stream is their order. */
      readonly hasOrder: boolean;
    }
  /** One lower-case line for a person. */
  | { readonly ok: false; readonly reason: string };

/** What an entry of another writer does not say. */
export interface EntryDefaults {
  readonly origin: EntryOrigin;
  /** Where `seq` is empty, as that writer leaves it where it knows none: the seq before it in the stream. */
  readonly seq: number;
  /** When the entry was written, Unix milliseconds: the first half of its id. */
  readonly writtenAtMs: number;
}

/** Which of our own entries read as what they were is checked by their hashes; nothing in an entry makes this throw. */
export function readEntry(entry: Readonly<Record<keyof Entry, string>>, defaults: EntryDefaults): EntryResult {
  const data = parseObject(entry.data);
  if (data === undefined) return { ok: false, reason: "data is not a json object" };
  const seq = entry.seq === "" ? defaults.seq : Number(entry.seq);
  if (!Number.isSafeInteger(seq) || seq < 0) return { ok: false, reason: `seq is not a number: ${quoted(entry.seq)}` };
  const base: EventBase = {
    seq,
    did: textOf(data, entry.type === "commit" ? "repo" : "did") ?? "",
    timeMs: parseDatetimeMs(textOf(data, "time") ?? "") ?? null,
    receivedAtMs: integerOf(data, "receivedAt") ?? defaults.writtenAtMs,
  };
  const relay = textOf(data, "relay");
  const origin = relay === undefined ? defaults.origin : { relay, epoch: integerOf(data, "epoch") ?? 1 };
  const event = readEvent(entry.type, data, base);
  if (typeof event === "string") return { ok: false, reason: event };
  const hasOrder = event.kind === "commit" ? event.rev !== NO_REV : relay !== undefined && entry.seq !== "";
  return { ok: true, event, origin, hasOrder };
}

/** Of a commit that does not say its rev; no clock has ever shown it. */
const NO_REV = 0n;

interface EventBase {
  readonly seq: number;
  readonly did: string;
  readonly timeMs: number | null;
  readonly receivedAtMs: number;
}

type Json = Readonly<Record<string, unknown>>;

/** The event, or what is wrong. */
function readEvent(type: string, data: Json, base: EventBase): FirehoseEvent | string {
  const rest = textOf(data, "rest");
  const unsaid = rest === undefined ? undefined : decodeEnvelope(Buffer.from(rest, "base64"));
  if (unsaid?.ok === false) return `rest is no envelope: ${unsaid.reason} at byte ${unsaid.offset}`;
  if (unsaid?.event.kind === "rejected") return unsaid.event;
  if (!isDid(base.did)) return `${type === "commit" ? "repo" : "did"} is not a did: ${quoted(base.did)}`;
  switch (type) {
    case "commit":
      return "sync" in data ? readSync(data, base) : readCommit(data, base, unsaid?.event);
    case "identity":
      return { kind: "identity", ...base, handle: readHandle(data, base.did) };
    case "account":
      return typeof data["active"] === "boolean"
        ? { kind: "account", ...base, active: data["active"], status: shownOrNull(textOf(data, "status")) }
        : "active is missing or no boolean";
    default:
      return `type is unknown: ${quoted(type)}`;
  }
}

function readSync(data: Json, base: EventBase): FirehoseEvent | string {
  const rev = parseTid(textOf(data, "rev") ?? "");
  if (rev === undefined) return "sync without a rev";
  return { kind: "sync", ...base, rev, tree: prefixOfHex(data["sync"]) ?? UNKNOWN_TREE };
}

function readCommit(data: Json, base: EventBase, unsaid: FirehoseEvent | undefined): CommitEvent | string {
  const ops = data["ops"];
  if (!Array.isArray(ops)) return "ops is not an array";
  const revText = textOf(data, "rev");
  const rev = revText === undefined ? NO_REV : parseTid(revText);
  if (rev === undefined) return `rev is not a tid: ${quoted(revText ?? "")}`;
  const read: CommitOp[] = [];
  for (const op of ops) {
    const one = isObject(op) ? readOp(op) : "an op is not an object";
    if (typeof one === "string") return one;
    read.push(one);
  }
  const more = unsaid?.kind === "commit" ? unsaid : undefined;
  const faulty = read.some(({ fault }) => fault !== null);
  return {
    kind: "commit",
    ...base,
    rev,
    since: parseTid(textOf(data, "since") ?? "") ?? null,
    tree: prefixOfHex(data) ?? UNKNOWN_TREE,
    prevTree: prefixOfCid(data, "prevData"),
    ops: [...read, ...(more?.ops ?? [])],
    // What came over the wire, for the dead letter of an op that cannot be applied.
    rawFrame: more?.rawFrame ?? (faulty ? new Uint8Array(Buffer.from(JSON.stringify(data))) : null),
  };
}

const UNKNOWN_TREE: DigestPrefix = new Uint8Array(DIGEST_PREFIX_BYTES);

function readOp(op: Json): CommitOp | string {
  const action = actionOf(op["action"]);
  const path = textOf(op, "path");
  if (action === undefined || path === undefined)
    return `an op without ${action === undefined ? "a known action" : "path"}`;
  const slashAt = path.indexOf("/");
  const [collection, rkey] = [path.slice(0, Math.max(0, slashAt)), path.slice(slashAt + 1)];
  const base: CommitOp = {
    action,
    collection,
    rkey,
    cid: null,
    prev: prefixOfCid(op, "prev"),
    record: null,
    fault: null,
  };
  if (!isNsid(collection) || !isRkey(rkey)) {
    const detail = `path is not a collection and a record key: ${quoted(path)}`;
    return { ...base, collection: shown(collection), rkey: shown(rkey), fault: { reason: "bad-path", detail } };
  }
  return action === "delete" ? base : withRecord(base, op);
}

function withRecord(base: CommitOp, op: Json): CommitOp {
  const cid = parseCidText(textOf(op, "cid") ?? "")?.digest;
  const fail = (reason: OpFault["reason"], detail: string): CommitOp => ({
    ...base,
    cid: cid ?? null,
    fault: { reason, detail },
  });
  if (cid === undefined) return fail("bad-cid", `${base.action} without a cid of dag-cbor and sha-256`);
  const cbor = textOf(op, "cbor");
  if (cbor === undefined && !isObject(op["record"])) return fail("missing-block", "no record with the op");
  const record = cbor === undefined ? guessRecord(op["record"], cid) : exactRecord(cbor, cid);
  return record === undefined
    ? fail("hash-mismatch", `the entry's record, read in every known way, does not hash to ${cidText(cid)}`)
    : { ...base, record };
}

function exactRecord(cbor: string, cid: Digest): Uint8Array | undefined {
  const bytes = new Uint8Array(Buffer.from(cbor, "base64"));
  return sameDigest(digestOf(bytes), 0, cid, 0) ? bytes : undefined;
}

/** Where none was sent, the DID stands for it. */
function readHandle(data: Json, did: string): string | null {
  const sent = "sentHandle" in data ? data["sentHandle"] : data["handle"];
  if (typeof sent !== "string" || sent === did) return null;
  return sent.length > MAX_HANDLE_CHARS || sent.includes("\0") ? "handle.invalid" : sent;
}

function actionOf(value: unknown): OpAction | undefined {
  return value === "create" || value === "update" || value === "delete" ? value : undefined;
}

function prefixOfHex(data: unknown): DigestPrefix | undefined {
  const tree = isObject(data) ? textOf(data, "tree") : undefined;
  return tree !== undefined && /^[0-9a-f]{32}$/.test(tree) ? new Uint8Array(Buffer.from(tree, "hex")) : undefined;
}

function prefixOfCid(data: Json, key: string): DigestPrefix | null {
  return parseCidText(textOf(data, key) ?? "")?.digest.subarray(0, DIGEST_PREFIX_BYTES) ?? null;
}

function parseObject(json: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(data: Json, key: string): string | undefined {
  const value = data[key];
  return typeof value === "string" ? value : undefined;
}

function integerOf(data: Json, key: string): number | undefined {
  const value = data[key];
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}

function shownOrNull(status: string | undefined): string | null {
  return status === undefined ? null : shown(status);
}
