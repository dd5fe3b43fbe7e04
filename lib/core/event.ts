/** FirehoseEvent: what a frame says once decoded. The unit that is packed, delivered and applied. */

/** SHA-256 digest, 32 bytes: all that a DAG-CBOR CID v1 carries beyond its fixed four-byte prefix. */
export type Digest = Uint8Array;

/**
 * The first 16 bytes of a digest. Enough where two are only ever compared: to find another tree or record with these 128 bits is as
 * far out of reach as with 256, and half as many bytes travel.
 */
export type DigestPrefix = Uint8Array;

export type OpAction = "create" | "update" | "delete";

/** Why an op cannot be applied: it cannot be identified, or its bytes cannot be trusted. */
export type OpFaultReason = "missing-block" | "hash-mismatch" | "bad-path" | "bad-cid" | "duplicate-path";

export interface OpFault {
  readonly reason: OpFaultReason;
  /** One lower-case line for a person: what and where. */
  readonly detail: string;
}

/** One create, update or delete of a record inside a commit. */
export interface CommitOp {
  readonly action: OpAction;
  /** NSID; for a faulty path whatever stood before the first slash. */
  readonly collection: string;
  readonly rkey: string;
  /** Digest of the CID that the op names, only where its record is not here (a fault). The CID of `record` is the hash of its bytes. */
  readonly cid: Digest | null;
  /** Of the CID before this op, where the relay sent it (update, delete). */
  readonly prev: DigestPrefix | null;
  /** The record's DAG-CBOR as it stood in the CAR; null for a delete or a missing block. */
  readonly record: Uint8Array | null;
  /** Set where the op must become a dead letter instead of being applied. */
  readonly fault: OpFault | null;
}

interface EventBase {
  /** The relay's sequence number, 1 … 2^53−1. */
  readonly seq: number;
  readonly did: string;
  /** The sender's `time` in Unix milliseconds, or null where it is no datetime. Shown, never compared. */
  readonly timeMs: number | null;
  /** When our process received the frame, Unix milliseconds. Travels along so that a replay decides the same. */
  readonly receivedAtMs: number;
}

export interface CommitEvent extends EventBase {
  readonly kind: "commit";
  /** TID as an integer: orders the commits of one repo. */
  readonly rev: bigint;
  /** rev of the repo's previous commit, null for the first. */
  readonly since: bigint | null;
  /** Of the tree's root (`data` of the commit block). */
  readonly tree: DigestPrefix;
  /** Of the previous commit's tree root (`prevData`), where it was sent. */
  readonly prevTree: DigestPrefix | null;
  readonly ops: readonly CommitOp[];
  /** The whole frame, only where some op has a fault: its dead letter keeps the bytes. */
  readonly rawFrame: Uint8Array | null;
}

export interface SyncEvent extends EventBase {
  readonly kind: "sync";
  readonly rev: bigint;
  readonly tree: DigestPrefix;
}

export interface IdentityEvent extends EventBase {
  readonly kind: "identity";
  /** null where the message carried none: then the stored handle stays as it is. */
  readonly handle: string | null;
}

export interface AccountEvent extends EventBase {
  readonly kind: "account";
  /** Decides visibility. */
  readonly active: boolean;
  /** Only a reason; unknown values are kept as they are. */
  readonly status: string | null;
}

export type RejectReason =
  /** Three times the same frame could not be decoded. */
  | "undecodable-frame"
  /** A field of the message is missing, has another type, or breaks its syntax. */
  | "broken-envelope"
  /** The CAR slice or the commit block in it cannot be read, or contradicts the message. */
  | "broken-blocks"
  /** More ops, blocks or bytes than the protocol allows. */
  | "over-limit"
  /** A rev more than five minutes ahead of the time of receipt. */
  | "future-rev";

/** An event that can never be applied; travels like any other so that its dead letter is as durable as a row. */
export interface RejectedEvent {
  readonly kind: "rejected";
  /** For an undecodable frame: the last seq before it plus one is not known, so the seq before it. */
  readonly seq: number;
  /** The account, where it could be read; otherwise the empty string. */
  readonly did: string;
  readonly timeMs: number | null;
  readonly receivedAtMs: number;
  readonly reason: RejectReason;
  readonly detail: string;
  readonly rawFrame: Uint8Array;
}

export type FirehoseEvent = CommitEvent | SyncEvent | IdentityEvent | AccountEvent | RejectedEvent;

/** What one frame turns out to be. Only `event` goes down the pipeline; the source answers the others itself. */
export type Message =
  | { readonly kind: "event"; readonly event: FirehoseEvent }
  | { readonly kind: "info"; readonly name: string; readonly message: string | null }
  /** An error frame (`op` −1): the relay closes after it. */
  | { readonly kind: "error"; readonly error: string; readonly message: string | null }
  /** Another `op` or `t`: ignored and counted, as the protocol asks. */
  | { readonly kind: "unknown"; readonly op: number; readonly t: string | null }
  /** Framing or CBOR is invalid: the connection has to be dropped. */
  | { readonly kind: "malformed"; readonly reason: string; readonly offset: number };
