/** The established entry: what ours say, what is read out of them, and out of those of other writers. */
import { describe, expect, test } from "vitest";
import { cidText, digestOf } from "../../../lib/core/cid.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { fromDagJson } from "../../../lib/core/dag-json.ts";
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import { type EntryResult, readEntry } from "../../../lib/core/entry-read.ts";
import { type Entry, encodeEntry } from "../../../lib/core/entry-write.ts";
import type { CommitEvent, FirehoseEvent } from "../../../lib/core/event.ts";
import { plainJson } from "../../../lib/core/plain-json.ts";
import { recordedAtMs, recordedFrames } from "../../support/recorded-frames.ts";

const ORIGIN = { relay: "relay.test", epoch: 2 };
const DEFAULTS = { origin: { relay: "other.test", epoch: 1 }, seq: 7, writtenAtMs: 1_700_000_000_000 };
const DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

function decoded(frame: Uint8Array): FirehoseEvent {
  const message = decodeMessage(frame, recordedAtMs);
  if (message.kind !== "event") throw new Error(message.kind);
  return message.event;
}

function read(entry: Record<"type" | "data" | "seq", string>): EntryResult {
  return readEntry(entry, DEFAULTS);
}

function commitOf(result: EntryResult): CommitEvent {
  if (!result.ok || result.event.kind !== "commit") throw new Error(JSON.stringify(result));
  return result.event;
}

describe("an entry of ours", () => {
  test("gives back every event of the recording as it was, with its order and its relay", () => {
    for (const frame of recordedFrames) {
      const event = decoded(frame);
      expect(read(encodeEntry(event, frame, ORIGIN))).toEqual({
        ok: true,
        event,
        origin: ORIGIN,
        hasOrder: true,
      });
    }
  });

  test("has for readers of the established form exactly what they know, first and in its place", () => {
    const frame = recordedFrames.find((each) => {
      const event = decoded(each);
      return event.kind === "commit" && event.ops.some(({ action }) => action === "create");
    });
    if (frame === undefined) throw new Error("no create");
    const event = decoded(frame) as CommitEvent;
    const entry = encodeEntry(event, frame, ORIGIN);
    expect(Object.keys(entry)).toEqual(["type", "data", "seq"]);
    const data = JSON.parse(entry.data) as Record<string, unknown> & { ops: Record<string, unknown>[] };
    expect(Object.keys(data).slice(0, 2)).toEqual(["repo", "ops"]);
    const [op] = event.ops;
    expect(data["ops"][0]).toMatchObject({
      action: "create",
      path: `${op?.collection}/${op?.rkey}`,
      cid: cidText(digestOf(op?.record ?? new Uint8Array())),
      record: JSON.parse(plainJson(op?.record ?? new Uint8Array(), { maxDepth: 256 }) ?? "") as unknown,
    });
    expect(data).toMatchObject({
      rev: expect.stringMatching(/^[2-7a-z]{13}$/),
      commit: expect.stringMatching(/^bafyrei/),
      prevData: expect.stringMatching(/^bafyrei/),
    });
  });

  test("carries what the established form has no words for, so that a rejected event and a faulty op are not lost", () => {
    const rawFrame = Uint8Array.of(1, 2, 3);
    const rejected: FirehoseEvent = {
      kind: "rejected",
      seq: 9,
      did: "",
      timeMs: null,
      receivedAtMs: 5,
      reason: "undecodable-frame",
      detail: "x",
      rawFrame,
    };
    expect(read(encodeEntry(rejected, rawFrame, ORIGIN))).toMatchObject({ ok: true, event: rejected });
    const fault = { reason: "missing-block", detail: "no block" } as const;
    const faulty: CommitEvent = {
      kind: "commit",
      seq: 9,
      did: DID,
      timeMs: null,
      receivedAtMs: 5,
      rev: 5n << 10n,
      since: null,
      tree: new Uint8Array(16),
      prevTree: null,
      ops: [
        {
          action: "delete",
          collection: "app.bsky.feed.like",
          rkey: "a",
          cid: null,
          prev: null,
          record: null,
          fault: null,
        },
        {
          action: "create",
          collection: "app.bsky.feed.like",
          rkey: "b",
          cid: new Uint8Array(32),
          prev: null,
          record: null,
          fault,
        },
      ],
      rawFrame,
    };
    const entry = encodeEntry(faulty, null, ORIGIN);
    expect((JSON.parse(entry.data) as { ops: unknown[] }).ops).toEqual([
      { action: "delete", path: "app.bsky.feed.like/a" },
    ]);
    expect(read(entry)).toMatchObject({ ok: true, event: faulty });
  });

  test("whose record is not what its cid says is a fault of that op", () => {
    const frame = recordedFrames.find((each) => {
      const event = decoded(each);
      return event.kind === "commit" && event.ops[0]?.action === "create";
    });
    const entry = encodeEntry(decoded(frame ?? new Uint8Array()), frame ?? null, ORIGIN);
    const data = entry.data.replace(/"cbor":"[^"]{8}/, '"cbor":"AAAAAAAA');
    expect(commitOf(read({ ...entry, data })).ops[0]?.fault?.reason).toBe("hash-mismatch");
  });
});

describe("an entry of another writer", () => {
  const record = {
    $type: "app.bsky.feed.post",
    text: "hi",
    createdAt: "2025-10-13T00:00:00Z",
    embed: {
      $type: "app.bsky.embed.images",
      images: [
        {
          alt: "",
          image: {
            $type: "blob",
            ref: "bafkreibme22gw2h7y2h7tg2fhqotaqjucnbc24deqo72b6mkl2egezxhvy",
            mimeType: "image/png",
            size: 3,
          },
        },
      ],
    },
  };
  const bytes = encodeCbor(
    fromDagJson(JSON.parse(JSON.stringify(record).replace(/"ref":("[^"]+")/, '"ref":{"$link":$1}'))),
  );
  const cid = cidText(digestOf(bytes));
  const commit = (ops: unknown): Entry => ({ type: "commit", data: JSON.stringify({ repo: DID, ops }), seq: "12" });

  test("has no order of its own, and the relay that it is said to have", () => {
    expect(read(commit([{ action: "delete", path: "app.bsky.feed.like/a" }]))).toMatchObject({
      ok: true,
      hasOrder: false,
      origin: DEFAULTS.origin,
      event: {
        kind: "commit",
        seq: 12,
        did: DID,
        receivedAtMs: DEFAULTS.writtenAtMs,
        ops: [{ action: "delete", rkey: "a" }],
      },
    });
  });

  test("is taken whose seq is empty, and whose handle is the did", () => {
    const data = JSON.stringify({ did: DID, handle: DID });
    expect(read({ type: "identity", data, seq: "" })).toMatchObject({
      ok: true,
      hasOrder: false,
      event: { seq: 7, handle: null },
    });
    const account = JSON.stringify({ did: DID, active: false });
    expect(read({ type: "account", data: account, seq: "1" })).toMatchObject({
      ok: true,
      event: { active: false, status: null },
    });
  });

  test.each([
    ["bad json", { type: "commit", data: "{", seq: "1" }],
    ["no object", { type: "commit", data: "[]", seq: "1" }],
    ["no ops", { type: "commit", data: JSON.stringify({ repo: DID }), seq: "1" }],
    ["no did", { type: "commit", data: JSON.stringify({ repo: "x", ops: [] }), seq: "1" }],
    ["another type", { type: "handle", data: JSON.stringify({ did: DID }), seq: "1" }],
    ["no seq", { type: "commit", data: JSON.stringify({ repo: DID, ops: [] }), seq: "one" }],
    ["no active", { type: "account", data: JSON.stringify({ did: DID }), seq: "1" }],
  ])("with %s is told with a reason", (_, entry) => {
    expect(read(entry)).toMatchObject({ ok: false, reason: expect.any(String) });
  });

  test("gives a record back exactly where one of the ways to write it hashes to its cid, and a fault otherwise", () => {
    const path = "app.bsky.feed.post/3laj5ik3ovs2m";
    const renamed = JSON.parse(
      JSON.stringify({ ...record, langs: null })
        .replaceAll("$type", "py_type")
        .replaceAll("createdAt", "created_at")
        .replaceAll("mimeType", "mime_type"),
    ) as unknown;
    for (const given of [record, renamed]) {
      const [op] = commitOf(read(commit([{ action: "create", path, cid, record: given }]))).ops;
      expect(op?.fault).toBeNull();
      expect(cidText(digestOf(op?.record ?? new Uint8Array()))).toBe(cid);
    }
    const [op] = commitOf(read(commit([{ action: "create", path, cid, record: { ...record, text: "other" } }]))).ops;
    expect(op?.fault?.reason).toBe("hash-mismatch");
  });

  test("gives back every record of the recording from its plain json alone", () => {
    let lost = 0;
    let records = 0;
    for (const frame of recordedFrames) {
      const event = decoded(frame);
      if (event.kind !== "commit") continue;
      const data = JSON.parse(encodeEntry(event, frame, ORIGIN).data) as {
        repo: string;
        ops: Record<string, unknown>[];
      };
      const ops = data.ops.map(({ action, path, cid: named, record: plain }) => ({
        action,
        path,
        cid: named,
        record: plain,
      }));
      const result = commitOf(read({ type: "commit", data: JSON.stringify({ repo: data.repo, ops }), seq: "1" }));
      for (const op of result.ops) {
        if (op.action === "delete") continue;
        records++;
        if (op.fault !== null) lost++;
      }
    }
    expect(records).toBeGreaterThan(4_000);
    // What has byte strings or links elsewhere than in blobs cannot be known from plain JSON.
    expect(lost).toBeLessThan(records / 500);
  });
});
