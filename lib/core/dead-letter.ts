/** Dead letters: what can never be applied as it is, with everything that a person or a retry needs. */
import { createHash } from "node:crypto";
import type { BatchEvent } from "./batch.ts";
import type { CommitEvent, CommitOp, Digest, FirehoseEvent } from "./event.ts";
import type { Pack, PackHeader } from "./pack.ts";
import { encodePack } from "./pack.ts";
import { encodeEnvelope, keepOps } from "./pack-envelope.ts";
import type { DeadLetter } from "./row-change.ts";
import { tidText } from "./tid.ts";

interface Cause {
  readonly reason: string;
  readonly detail: string;
}

/**
 * One op of a commit. The same op of the same commit is the same letter, whichever relay or pack brought it. The frame of a faulty
 * commit is kept once, with its first faulty op: with each of 200 ops, and in each envelope, it would be a gigabyte.
 */
export function opLetter(
  source: BatchEvent,
  event: CommitEvent,
  op: CommitOp,
  cause: Cause,
  isSuperseded: boolean,
): DeadLetter {
  const isFirst = event.ops.find((each) => each.fault !== null) === op;
  // A path that was cut to be shown may look like its neighbour's.
  const place = op.fault?.reason === "bad-path" ? [String(event.ops.indexOf(op))] : [];
  return {
    ...letterBase(source, event, cause),
    digest: digestOfParts(["op", event.did, op.collection, op.rkey, tidText(event.rev), op.action, ...place]),
    scope: "op",
    path: { collection: op.collection, rkey: op.rkey, rev: event.rev, action: op.action },
    envelope: encodeEnvelope({ ...keepOps(event, (each) => each === op), rawFrame: null }),
    bytes: (isFirst ? event.rawFrame : null) ?? op.record,
    isSuperseded,
  };
}

/** A whole event that has no ops, or none that can be told apart. */
export function eventLetter(source: BatchEvent, event: FirehoseEvent, cause: Cause): DeadLetter {
  const bytes = event.kind === "rejected" ? event.rawFrame : null;
  const envelope = encodeEnvelope(event);
  return {
    ...letterBase(source, event, cause),
    digest: digestOfParts(bytes === null ? ["event", source.relay, String(source.epoch), envelope] : ["frame", bytes]),
    scope: event.kind === "rejected" && event.reason === "undecodable-frame" ? "frame" : "event",
    path: null,
    envelope,
    bytes,
    isSuperseded: false,
  };
}

/** A pack that cannot be read. */
export function packLetter(pack: Pack, cause: Cause): DeadLetter {
  const bytes = encodePack(pack);
  return {
    digest: digestOfParts(["pack", bytes]),
    scope: "pack",
    ...cause,
    relay: pack.header.relay,
    epoch: pack.header.epoch,
    seq: pack.header.firstSeq,
    did: null,
    path: null,
    timeMs: null,
    envelope: null,
    bytes,
    isSuperseded: false,
  };
}

/**
 * Bytes that came where a pack was due and that are none, or lead to none. `header` is null where not even a place is known: then
 * `relay` is empty and the epoch 0, which no relay has.
 */
export function recordLetter(bytes: Uint8Array, header: PackHeader | null, cause: Cause): DeadLetter {
  return {
    digest: digestOfParts(["pack", bytes]),
    scope: "pack",
    ...cause,
    relay: header?.relay ?? "",
    epoch: header?.epoch ?? 0,
    seq: header?.firstSeq ?? null,
    did: null,
    path: null,
    timeMs: null,
    envelope: null,
    bytes,
    isSuperseded: false,
  };
}

function letterBase(source: BatchEvent, event: FirehoseEvent, cause: Cause) {
  const { relay, epoch } = source;
  const { reason, detail } = cause;
  return {
    reason,
    detail,
    relay,
    epoch,
    seq: event.seq,
    did: event.did === "" ? null : event.did,
    timeMs: event.timeMs,
  };
}

function digestOfParts(parts: readonly (string | Uint8Array)[]): Digest {
  const hash = createHash("sha256");
  for (const part of parts) {
    hash.update(part).update("\0");
  }
  return hash.digest();
}
