/** The whole bundled recording, decoded by us and by two independent implementations: `@atproto/repo` for blocks, `@atcute/cbor` for frames and records. */
import { decode as atcuteDecode, decodeFirst } from "@atcute/cbor";
import { readCarWithRoot } from "@atproto/repo";
import { describe, expect, it } from "vitest";
import { cidText, DIGEST_PREFIX_BYTES, digestOf, parseCidText } from "../../../lib/core/cid.ts";
import { decodeCbor } from "../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { fromDagJson, toDagJson } from "../../../lib/core/dag-json.ts";
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import type { CommitEvent, CommitOp, DigestPrefix, FirehoseEvent } from "../../../lib/core/event.ts";
import { tidText } from "../../../lib/core/tid.ts";
import { recordedAtMs, recordedFrames } from "../../support/recorded-frames.ts";

/** A body as the other implementation decodes it; links and bytes have their JSON form. */
interface TheirBody {
  readonly seq: number;
  readonly did?: string;
  readonly repo?: string;
  readonly time: string;
  readonly rev?: string;
  readonly since?: string | null;
  readonly commit?: TheirLink;
  readonly prevData?: TheirLink;
  readonly blocks?: { readonly buf: Uint8Array };
  readonly ops?: readonly {
    readonly action: string;
    readonly path: string;
    readonly cid: TheirLink | null;
    readonly prev?: TheirLink | null;
  }[];
  readonly handle?: string;
  readonly active?: boolean;
  readonly status?: string;
}

interface TheirLink {
  readonly $link: string;
}

const hexOf = (prefix: DigestPrefix | null) => (prefix === null ? null : Buffer.from(prefix).toString("hex"));

/** What of their CID is kept where it is only compared. */
function prefixOf(link: TheirLink | null | undefined): string | null {
  const digest = parseCidText(link?.$link ?? "")?.digest;
  return digest === undefined ? null : hexOf(digest.subarray(0, DIGEST_PREFIX_BYTES));
}

/** The CID of the op's record. */
const cidOf = ({ cid, record }: CommitOp) => (record === null ? cid && cidText(cid) : cidText(digestOf(record)));

function eventOf(frame: Uint8Array): FirehoseEvent {
  const message = decodeMessage(frame, recordedAtMs);
  if (message.kind !== "event") {
    throw new Error(`not an event: ${message.kind}`);
  }
  return message.event;
}

function theirs(frame: Uint8Array): { readonly kind: string; readonly body: TheirBody } {
  const [header, rest] = decodeFirst(frame) as [{ t: string }, Uint8Array];
  return { kind: header.t.slice(1), body: atcuteDecode(rest) as TheirBody };
}

function compareEnvelope(event: FirehoseEvent, kind: string, body: TheirBody): void {
  const { seq, did, timeMs } = event;
  expect({ kind: event.kind, seq, did, timeMs }).toEqual({
    kind,
    seq: body.seq,
    did: body.did ?? body.repo,
    timeMs: Date.parse(body.time),
  });
  if (event.kind === "identity") {
    expect(event.handle).toBe(body.handle ?? null);
  } else if (event.kind === "account") {
    expect([event.active, event.status]).toEqual([body.active, body.status ?? null]);
  } else if (event.kind === "commit" || event.kind === "sync") {
    expect(tidText(event.rev)).toBe(body.rev);
  }
}

function compareCommit(event: CommitEvent, body: TheirBody): void {
  const { since, prevTree, ops } = event;
  expect(since === null ? null : tidText(since)).toBe(body.since);
  expect(hexOf(prevTree)).toBe(prefixOf(body.prevData));
  expect(ops.map((op) => [op.action, `${op.collection}/${op.rkey}`, cidOf(op), hexOf(op.prev)])).toEqual(
    body.ops?.map(({ action, path, cid, prev }) => [action, path, cid?.$link ?? null, prefixOf(prev)]),
  );
}

describe("the whole recording", () => {
  it("has in every frame what another implementation reads there", () => {
    for (const frame of recordedFrames) {
      const event = eventOf(frame);
      const { kind, body } = theirs(frame);
      compareEnvelope(event, kind, body);
      if (event.kind === "commit") {
        compareCommit(event, body);
      }
    }
  });

  it("has the blocks that @atproto/repo finds, the tree's root included", async () => {
    for (const frame of recordedFrames) {
      const event = eventOf(frame);
      if (event.kind !== "commit" && event.kind !== "sync") {
        continue;
      }
      const { root, blocks } = await readCarWithRoot(theirs(frame).body.blocks?.buf ?? new Uint8Array());
      const commit = atcuteDecode(blocks.get(root) ?? new Uint8Array()) as { readonly data: TheirLink };
      expect(hexOf(event.tree)).toBe(prefixOf(commit.data));
      for (const op of event.kind === "commit" ? event.ops : []) {
        const { record } = op;
        const theirBlock = blocks.entries().find((entry) => entry.cid.toString() === cidOf(op))?.bytes;
        expect(record === null ? undefined : Buffer.compare(record, theirBlock ?? new Uint8Array())).toBe(
          theirBlock && 0,
        );
      }
    }
  });

  it("has records of the JSON that another implementation makes of them, and every one leads back to its bytes", () => {
    let records = 0;
    let undecodable = 0;
    for (const event of recordedFrames.map(eventOf)) {
      for (const { record } of event.kind === "commit" ? event.ops : []) {
        if (record === null) {
          continue;
        }
        records += 1;
        const result = decodeCbor(record);
        if (!result.ok) {
          // Nested deeper than the protocol advises: kept by its bytes alone.
          expect(result.reason).toBe("nested deeper than 32");
          undecodable += 1;
          continue;
        }
        expect(encodeCbor(result.value)).toEqual(record);
        const { json, exact } = toDagJson(result.value);
        const parsed: unknown = JSON.parse(json);
        expect(parsed).toEqual(withoutNul(JSON.parse(JSON.stringify(atcuteDecode(record)))));
        expect(exact ? Buffer.compare(encodeCbor(fromDagJson(parsed)), record) : 0).toBe(0);
      }
    }
    expect(records).toBeGreaterThan(5000);
    expect(undecodable).toBeLessThan(10);
  });
});

/** The same JSON as jsonb takes it. */
function withoutNul(json: unknown): unknown {
  if (typeof json === "string") {
    return json.replaceAll("\0", "\uFFFD");
  }
  if (Array.isArray(json)) {
    return json.map(withoutNul);
  }
  if (typeof json === "object" && json !== null) {
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [withoutNul(key), withoutNul(value)]));
  }
  return json;
}
