/** Events that no compression makes small. */
import { createHash } from "node:crypto";
import type { CommitEvent, FirehoseEvent, RejectedEvent } from "../../lib/core/event.ts";
import type { Pack } from "../../lib/core/pack.ts";
import { PackBuilder } from "../../lib/core/pack-builder.ts";

/** The same bytes for the same seed, and as good as random. */
export function noise(bytes: number, seed: number): Uint8Array {
  const out = new Uint8Array(bytes);
  for (let at = 0, round = 0; at < bytes; at += 32, round++) {
    const block = createHash("sha256").update(`${seed} ${round}`).digest();
    out.set(block.subarray(0, Math.min(32, bytes - at)), at);
  }
  return out;
}

export function rejectedEvent(seq: number, bytes: number): RejectedEvent {
  return {
    kind: "rejected",
    seq,
    did: "did:web:large.test",
    timeMs: seq,
    receivedAtMs: seq,
    reason: "broken-blocks",
    detail: "made for a test",
    rawFrame: noise(bytes, seq),
  };
}

/** One record of so many bytes that is no CBOR: kept as a misfit, bit for bit. */
export function commitEvent(seq: number, bytes: number): CommitEvent {
  const record = noise(bytes, seq);
  const digest = Uint8Array.from(createHash("sha256").update(record).digest());
  return {
    kind: "commit",
    seq,
    did: "did:web:large.test",
    timeMs: seq,
    receivedAtMs: seq,
    rev: BigInt(seq) << 10n,
    since: null,
    tree: noise(16, seq + 2),
    prevTree: null,
    ops: [
      {
        action: "create",
        collection: "test.large.thing",
        rkey: `key-${seq}`,
        cid: digest,
        prev: null,
        record,
        fault: null,
      },
    ],
    rawFrame: null,
  };
}

export function packOf(
  events: readonly (RejectedEvent | CommitEvent)[],
  header: { lane: number; number: number },
): Pack {
  const builder = new PackBuilder();
  for (const event of events) builder.append(event);
  return builder.seal({ lanes: 4, relay: "relay.test", epoch: 1, fence: 1, ...header });
}

/** Of all that the events say, in order: comparing megabytes byte by byte takes a test runner seconds. */
export function digestOf(events: readonly FirehoseEvent[]): string {
  const builder = new PackBuilder();
  for (const event of events) builder.append(event);
  const { body } = builder.seal({ lane: 0, lanes: 1, relay: "any.test", epoch: 1, fence: 1, number: 1 });
  return createHash("sha256").update(body).digest("hex");
}
