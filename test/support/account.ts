/** An account that commits: events as a decoder would give them, for tests that need a certain history. */
import { DIGEST_PREFIX_BYTES, digestOf } from "../../lib/core/cid.ts";
import type { CborValue } from "../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../lib/core/dag-cbor-encode.ts";
import { fromDagJson } from "../../lib/core/dag-json.ts";
import type { CommitEvent, CommitOp, SyncEvent } from "../../lib/core/event.ts";
import { laneOf } from "../../lib/core/lane.ts";
import type { Pack } from "../../lib/core/pack.ts";
import { PackBuilder } from "../../lib/core/pack-builder.ts";
import { parseTid } from "../../lib/core/tid.ts";
import { recordedAtMs } from "./recorded-frames.ts";
import { LANES, RELAY } from "./recorded-packs.ts";

export const LIKE = "app.bsky.feed.like";
export const POST = "app.bsky.feed.post";

/** Op of a record given as JSON; null deletes. */
export interface Write {
  readonly action: CommitOp["action"];
  readonly collection?: string;
  readonly rkey: string;
  readonly record?: unknown;
  readonly fault?: CommitOp["fault"];
}

let seq = 1_000;

export class Account {
  readonly did: string;
  #rev = (parseTid("3l3qo2vutsw2b") ?? 0n) + 0n;
  #since: bigint | null = null;

  constructor(name: string) {
    this.did = `did:plc:${name.padEnd(24, "2").slice(0, 24)}`;
  }

  /** Of its latest commit. */
  get rev(): bigint {
    return this.#rev;
  }

  commit(...writes: readonly Write[]): CommitEvent {
    this.#rev += 1_000n;
    seq += 1;
    const event: CommitEvent = {
      kind: "commit",
      ...this.#base(),
      since: this.#since,
      prevTree: null,
      ops: writes.map(opOf),
      rawFrame: writes.some(({ fault }) => fault !== undefined && fault !== null) ? Uint8Array.of(1, 2, 3) : null,
    };
    this.#since = this.#rev;
    return event;
  }

  sync(): SyncEvent {
    this.#rev += 1_000n;
    seq += 1;
    const event: SyncEvent = { kind: "sync", ...this.#base() };
    this.#since = this.#rev;
    return event;
  }

  #base() {
    const tree = digestOf(Buffer.from(`${this.did}${this.#rev}`)).subarray(0, DIGEST_PREFIX_BYTES);
    const { did } = this;
    return { seq, did, timeMs: recordedAtMs, receivedAtMs: recordedAtMs, rev: this.#rev, tree };
  }
}

function opOf({ action, collection = LIKE, rkey, record, fault = null }: Write): CommitOp {
  const bytes = action === "delete" ? null : encodeCbor(valueOf(record));
  return {
    action,
    collection,
    rkey,
    cid: bytes === null || fault === null ? null : digestOf(bytes),
    prev: null,
    record: fault === null ? bytes : null,
    fault,
  };
}

function valueOf(record: unknown): CborValue {
  return fromDagJson(record);
}

/** A like of the post with this rkey. */
export function likeOf(postRkey: string): unknown {
  return {
    $type: LIKE,
    // A moment after the keys that the tests use (3l3qo2v…), as clients have it.
    createdAt: "2024-09-09T19:46:03.118Z",
    subject: {
      uri: `at://did:plc:q2qpjjxcdf5jirgofzb4gfcn/${POST}/${postRkey}`,
      cid: "bafyreiecg3vgldxji43am4bqwf5zgkcmmduaxnx5xzofiudchzkstewpp4",
    },
  };
}

let nextNumber = 0;

/** A pack of one account's events (they must be of one lane). */
export function packOf(...events: readonly (CommitEvent | SyncEvent)[]): Pack {
  const builder = new PackBuilder();
  for (const event of events) {
    builder.append(event);
  }
  nextNumber += 1;
  return builder.seal({
    lane: laneOf(events[0]?.did ?? "", LANES),
    lanes: LANES,
    relay: RELAY,
    epoch: 1,
    fence: 1,
    number: nextNumber,
  });
}
