import { describe, expect, it } from "vitest";
import { CidLink } from "../../../lib/core/cid.ts";
import { CborFloat, type CborMap, type CborValue, decodeCbor } from "../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import type { CommitEvent, FirehoseEvent, Message, RejectedEvent } from "../../../lib/core/event.ts";
import { MAX_COMMIT_BLOCKS_BYTES, MAX_FRAME_BYTES } from "../../../lib/core/limits.ts";
import { tidText, tidTimeMs } from "../../../lib/core/tid.ts";
import {
  asMap,
  type Block,
  changedFrame,
  cidOf,
  frameParts,
  frameWhere,
  frameWith,
  frameWithCar,
  frameWithOps,
  isCreate,
  joinFrame,
  recordedAtMs,
  recordedFrames,
} from "../../support/recorded-frames.ts";

const create = frameWhere(isCreate);
const several = frameWhere((event) => event.kind === "commit" && event.ops.length > 2);
const sync = frameWhere(({ kind }) => kind === "sync");
const identity = frameWhere(({ kind }) => kind === "identity");
const account = frameWhere((event) => event.kind === "account" && !event.active);

const decode = (frame: Uint8Array): Message => decodeMessage(frame, recordedAtMs);

function eventOf(frame: Uint8Array): FirehoseEvent {
  const message = decode(frame);
  if (message.kind !== "event") {
    throw new Error(JSON.stringify(message));
  }
  return message.event;
}

function commitOf(frame: Uint8Array): CommitEvent {
  const event = eventOf(frame);
  if (event.kind !== "commit") {
    throw new Error(event.kind === "rejected" ? `${event.reason}: ${event.detail}` : event.kind);
  }
  return event;
}

function rejectedOf(frame: Uint8Array): RejectedEvent {
  const event = eventOf(frame);
  if (event.kind !== "rejected") {
    throw new Error(`not rejected but ${event.kind}`);
  }
  return event;
}

const faultsOf = (frame: Uint8Array) => commitOf(frame).ops.map(({ fault }) => fault?.reason ?? null);
const message = (header: CborMap, body: CborValue) => Buffer.concat([encodeCbor(header), encodeCbor(body)]);
const headerOf = (t: string) =>
  new Map<string, CborValue>([
    ["op", 1],
    ["t", t],
  ]);
const blob = new CidLink(Uint8Array.from([1, 0x55, 0x12, 0x20, ...new Uint8Array(32)]));

describe("every frame of the recording", () => {
  it("is an event without fault, and all four kinds occur", () => {
    const kinds = new Set<string>();
    for (const frame of recordedFrames) {
      const event = eventOf(frame);
      kinds.add(event.kind);
      expect(event.kind === "commit" ? event.rawFrame : null).toBeNull();
    }
    expect(kinds).toEqual(new Set(["commit", "sync", "identity", "account"]));
  });
});

describe("messages that are no events", () => {
  it("#info tells its name", () => {
    const body = new Map([
      ["name", "OutdatedCursor"],
      ["message", "too old"],
    ]);
    expect(decode(message(headerOf("#info"), body))).toEqual({
      kind: "info",
      name: "OutdatedCursor",
      message: "too old",
    });
    expect(decode(message(headerOf("#info"), new Map()))).toEqual({ kind: "unknown", op: 1, t: "#info" });
  });

  it("error frames tell their name", () => {
    const header = new Map([["op", -1]]);
    const body = new Map([
      ["error", "FutureCursor"],
      ["message", "ahead"],
    ]);
    expect(decode(message(header, body))).toEqual({ kind: "error", error: "FutureCursor", message: "ahead" });
    expect(decode(message(header, new Map([["error", "X"]])))).toEqual({ kind: "error", error: "X", message: null });
    expect(decode(message(header, new Map())).kind).toBe("malformed");
  });

  it("other kinds and other ops are unknown", () => {
    expect(decode(message(headerOf("#labels"), new Map([["seq", 1]])))).toEqual({
      kind: "unknown",
      op: 1,
      t: "#labels",
    });
    expect(decode(message(new Map([["op", 2]]), "anything"))).toEqual({ kind: "unknown", op: 2, t: null });
  });

  it("other kinds still have to be CBOR", () => {
    expect(decode(Buffer.concat([encodeCbor(headerOf("#labels")), Uint8Array.of(0xff)])).kind).toBe("malformed");
    expect(decode(Buffer.concat([encodeCbor(headerOf("#labels")), Uint8Array.of(0, 0)])).kind).toBe("malformed");
  });
});

describe("malformed is", () => {
  it.each([create, sync, identity, account])("a frame cut anywhere (%#)", (frame) => {
    for (let length = 0; length < frame.length; length += 1) {
      expect(decode(frame.subarray(0, length)).kind).toBe("malformed");
    }
  });

  it("a frame with a byte more", () => {
    expect(decode(Buffer.concat([create, Uint8Array.of(0)]))).toEqual({
      kind: "malformed",
      reason: "bytes after the end of the body",
      offset: create.length,
    });
  });

  it("a frame larger than 5 MiB", () => {
    expect(decode(new Uint8Array(MAX_FRAME_BYTES + 1)).kind).toBe("malformed");
  });

  it.each<[string, CborValue | undefined]>([
    ["missing", undefined],
    ["zero", 0],
    ["negative", -5],
    ["a text", "5"],
    ["null", null],
    ["2^53", 2n ** 53n],
  ])("a seq that is %s, in every kind", (_what, seq) => {
    for (const frame of [create, sync, identity, account]) {
      expect(decode(frameWith(frame, { seq }))).toMatchObject({
        kind: "malformed",
        reason: "body without a valid seq",
      });
    }
  });

  it("a body that is no map", () => {
    for (const t of ["#commit", "#sync", "#identity", "#account", "#info"]) {
      expect(decode(message(headerOf(t), [1])).kind).toBe("malformed");
    }
  });

  it("rather than rejected, where a field is wrong and the CBOR breaks after it", () => {
    const wrong = frameWith(create, { repo: "nobody" });
    expect(rejectedOf(wrong).reason).toBe("broken-envelope");
    expect(decode(wrong.subarray(0, -1)).kind).toBe("malformed");
  });

  it.each(["repo", "time", "rev", "since"])("a %s that is no UTF-8, of the usual length too", (field) => {
    const { header, body } = frameParts(create);
    const text = body.get(field);
    const bytes = joinFrame({ header, body });
    const head = Buffer.from(encodeCbor(field));
    const at = Buffer.from(bytes).indexOf(head) + head.length + encodeCbor(text ?? null).length - 1;
    for (const byte of [0x80, 0xff]) {
      bytes[at] = byte;
      expect(decode(bytes)).toMatchObject({ kind: "malformed", reason: "text is not valid UTF-8" });
    }
  });

  it("a body whose usual keys are not sorted, or occur twice", () => {
    const body = (first: string, second: string) =>
      Buffer.concat(
        [encodeCbor(headerOf("#commit")), Uint8Array.of(0xa2), encodeCbor(first), [5], encodeCbor(second), [5]].map(
          (part) => Buffer.from(part),
        ),
      );
    expect(decode(body("seq", "rev"))).toMatchObject({ kind: "malformed", reason: "keys are not sorted" });
    expect(decode(body("repo", "seq"))).toMatchObject({ kind: "malformed", reason: "keys are not sorted" });
    expect(decode(body("zzzz", "repo"))).toMatchObject({ kind: "malformed", reason: "keys are not sorted" });
    expect(decode(body("seq", "seq"))).toMatchObject({ kind: "malformed", reason: "key occurs twice" });
  });

  it("told with the place", () => {
    const { header, body } = frameParts(account);
    const bytes = joinFrame({ header, body });
    const at = Buffer.from(bytes).indexOf("did:plc:");
    bytes[at] = 0xff;
    expect(decode(bytes)).toEqual({ kind: "malformed", reason: "text is not valid UTF-8", offset: at });
  });
});

describe("rejected is", () => {
  const text = "some text";
  it.each<[string, Uint8Array, string, Record<string, CborValue | undefined>]>([
    ["a #commit without repo", create, "broken-envelope", { repo: undefined }],
    ["a repo that is no DID", create, "broken-envelope", { repo: "did:plc" }],
    ["a repo that is no text", create, "broken-envelope", { repo: 5 }],
    ["a #commit without rev", create, "broken-envelope", { rev: undefined }],
    ["a rev that is no TID", create, "broken-envelope", { rev: text }],
    ["a rev that is null", create, "broken-envelope", { rev: null }],
    ["a #commit without since", create, "broken-envelope", { since: undefined }],
    ["a since that is no TID", create, "broken-envelope", { since: text }],
    ["a since that is no text", create, "broken-envelope", { since: 1 }],
    ["a #commit without commit", create, "broken-envelope", { commit: undefined }],
    ["a commit that is the CID of a blob", create, "broken-envelope", { commit: blob }],
    ["a commit that is null", create, "broken-envelope", { commit: null }],
    ["a prevData that is a text", create, "broken-envelope", { prevData: text }],
    ["a #commit without ops", create, "broken-envelope", { ops: undefined }],
    ["ops that are no array", create, "broken-envelope", { ops: new Map() }],
    ["ops of numbers", create, "broken-envelope", { ops: [1] }],
    ["an op without anything", create, "broken-envelope", { ops: [new Map()] }],
    ["a #commit without blocks", create, "broken-envelope", { blocks: undefined }],
    ["blocks that are a text", create, "broken-envelope", { blocks: text }],
    ["blocks that are empty", create, "broken-blocks", { blocks: new Uint8Array() }],
    ["blocks that are no CAR", create, "broken-blocks", { blocks: new Uint8Array(100) }],
    ["another DID than the commit block says", create, "broken-blocks", { repo: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa" }],
    ["another rev than the commit block says", create, "broken-blocks", { rev: "3222222222222" }],
    ["another commit than the root", create, "broken-blocks", { commit: cidOf(new Uint8Array()) }],
    ["a #sync without did", sync, "broken-envelope", { did: undefined }],
    ["a #sync without rev", sync, "broken-envelope", { rev: undefined }],
    ["a #sync without blocks", sync, "broken-envelope", { blocks: undefined }],
    ["a #sync of another rev", sync, "broken-blocks", { rev: "3222222222222" }],
    ["an #identity without did", identity, "broken-envelope", { did: undefined }],
    ["a handle that is no text", identity, "broken-envelope", { handle: 5 }],
    ["an #account without did", account, "broken-envelope", { did: undefined }],
    ["an #account without active", account, "broken-envelope", { active: undefined }],
    ["an active that is no boolean", account, "broken-envelope", { active: 1 }],
    ["a status that is no text", account, "broken-envelope", { status: true }],
  ])("%s", (_what, frame, reason, fields) => {
    const changed = frameWith(frame, fields);
    const event = rejectedOf(changed);
    expect(event.reason).toBe(reason);
    expect(event.seq).toBe(eventOf(frame).seq);
    expect(event.rawFrame).toEqual(changed);
    expect(event.detail).not.toBe("");
    expect([eventOf(frame).did, "", fields["repo"]]).toContain(event.did);
  });

  it("an op of another action", () => {
    expect(
      rejectedOf(frameWithOps(several, (ops) => ops.map((op, i) => (i === 1 ? op.set("action", "move") : op)))),
    ).toMatchObject({
      reason: "broken-envelope",
      detail: "ops[1] has no known action",
    });
  });

  it("a commit block of version 2", () => {
    expect(rejectedOf(withCommitBlock(create, (block) => block.set("version", 2)))).toMatchObject({
      reason: "broken-blocks",
      detail: expect.stringContaining("version 2"),
    });
  });

  it.each(["did", "rev", "data", "version"])("a commit block without %s", (field) => {
    const changed = withCommitBlock(create, (block) => {
      block.delete(field);
    });
    expect(rejectedOf(changed).reason).toBe("broken-blocks");
  });

  it("a slice without its commit block, or with one that hashes to another CID", () => {
    expect(
      rejectedOf(frameWithCar(create, (car) => ({ ...car, blocks: car.blocks.filter((block) => !isCommit(block)) }))),
    ).toMatchObject({
      reason: "broken-blocks",
    });
    const spoiled = frameWithCar(create, (car) => ({
      ...car,
      blocks: car.blocks.map((block) => (isCommit(block) ? { ...block, data: spoil(block.data) } : block)),
    }));
    expect(rejectedOf(spoiled).reason).toBe("broken-blocks");
  });

  it("a commit of 201 ops, not one of 200", () => {
    const ops = (count: number): CborMap[] =>
      Array.from(
        { length: count },
        (_, i) =>
          new Map<string, CborValue>([
            ["action", "delete"],
            ["path", `a.b.c/${i}`],
            ["cid", null],
          ]),
      );
    expect(commitOf(frameWithOps(create, () => ops(200))).ops).toHaveLength(200);
    expect(rejectedOf(frameWithOps(create, () => ops(201)))).toMatchObject({ reason: "over-limit", detail: "201 ops" });
  });

  it("a slice of more than 2,000,000 bytes, not one of so many", () => {
    const size = frameParts(create).body.get("blocks") as Uint8Array;
    const filled = (total: number) =>
      frameWithCar(create, (car) => {
        const data = new Uint8Array(total - size.length - 36 - 3);
        return { ...car, blocks: [...car.blocks, { cid: cidOf(data).bytes, data }] };
      });
    expect(commitOf(filled(MAX_COMMIT_BLOCKS_BYTES)).kind).toBe("commit");
    expect(rejectedOf(filled(MAX_COMMIT_BLOCKS_BYTES + 1)).reason).toBe("over-limit");
  });

  it("a slice of more blocks than any commit needs", () => {
    const many = frameWithCar(create, (car) => ({
      ...car,
      blocks: [
        ...car.blocks,
        ...Array.from({ length: 17_000 }, () => ({ cid: cidOf(encodeCbor(1)).bytes, data: encodeCbor(1) })),
      ],
    }));
    expect(rejectedOf(many).reason).toBe("over-limit");
  });

  it.each([create, sync])("a rev more than five minutes ahead of the receipt (%#)", (frame) => {
    const event = eventOf(frame);
    const revMs = tidTimeMs((event as CommitEvent).rev);
    const at = (receivedAtMs: number) => decodeMessage(frame, receivedAtMs);
    expect(at(revMs - 300_000)).toMatchObject({ event: { kind: event.kind, receivedAtMs: revMs - 300_000 } });
    expect(at(revMs - 300_001)).toMatchObject({ event: { kind: "rejected", reason: "future-rev", did: event.did } });
  });
});

describe("a field of any other type", () => {
  // Whatever stands in a field, the fields after it are read from the right place: the frame is never called malformed for it.
  const values: CborValue[] = [
    0,
    1,
    -1,
    2n ** 60n,
    "",
    "x",
    new Uint8Array(3),
    [],
    [1, [2]],
    new Map([["a", 1]]),
    true,
    false,
    null,
    blob,
    new CborFloat(1.5),
  ];
  const fieldsOf = (frame: Uint8Array) => [...frameParts(frame).body.keys()].filter((key) => key !== "seq");

  it.each([create, several, sync, identity, account])("is an event or a rejection (%#)", (frame) => {
    for (const field of fieldsOf(frame)) {
      for (const value of values) {
        expect(decode(frameWith(frame, { [field]: value }))).toMatchObject({
          kind: "event",
          event: { seq: eventOf(frame).seq },
        });
      }
    }
  });

  it("is one in ops and in the commit block too", () => {
    for (const value of values) {
      for (const field of ["action", "path", "cid", "prev"]) {
        expect(decode(frameWithOps(create, ([op]) => [asMap(op).set(field, value)])).kind).toBe("event");
      }
      for (const field of ["did", "rev", "data", "version", "prev", "sig"]) {
        const event = eventOf(withCommitBlock(create, (block) => block.set(field, value)));
        expect(event.kind === "rejected" ? event.reason : "").toBe(
          field === "prev" || field === "sig" ? "" : "broken-blocks",
        );
      }
    }
  });
});

describe("a fault of one op", () => {
  const third = (change: (op: CborMap) => void) =>
    frameWithOps(several, (ops) => {
      change(ops[2] ?? new Map());
      return ops;
    });
  const count = commitOf(several).ops.length;
  const onlyThird = (reason: string) => Array.from({ length: count }, (_, i) => (i === 2 ? reason : null));

  it.each<[string, string, (op: CborMap) => void]>([
    ["a path without a slash", "bad-path", (op) => op.set("path", "app.bsky.feed.post")],
    ["a path of three parts", "bad-path", (op) => op.set("path", "app.bsky.feed.post/a/b")],
    ["a path without a collection", "bad-path", (op) => op.set("path", "/a")],
    ["a collection that is no NSID", "bad-path", (op) => op.set("path", "posts/a")],
    ["a record key that is none", "bad-path", (op) => op.set("path", "app.bsky.feed.post/..")],
    ["U+0000 in the path", "bad-path", (op) => op.set("path", "app.bsky.feed.post/a\0")],
    ["a path of 1,025 bytes", "bad-path", (op) => op.set("path", `a.b.c/${"a".repeat(1019)}`)],
    ["an empty path", "bad-path", (op) => op.set("path", "")],
    ["a create without a CID", "bad-cid", (op) => op.set("action", "create").set("cid", null)],
    ["a create whose CID is missing", "bad-cid", (op) => op.set("action", "create").delete("cid")],
    ["a CID that is a text", "bad-cid", (op) => op.set("action", "update").set("cid", "bafy")],
    ["the CID of a blob", "bad-cid", (op) => op.set("action", "update").set("cid", blob)],
    [
      "a CID without a block",
      "missing-block",
      (op) => op.set("action", "create").set("cid", cidOf(encodeCbor("absent"))),
    ],
  ])("%s leaves its siblings alone", (_what, reason, change) => {
    const frame = third(change);
    expect(faultsOf(frame)).toEqual(onlyThird(reason));
    expect(commitOf(frame).rawFrame).toEqual(frame);
  });

  it("bytes that do not hash to the CID are told, unless another copy does", () => {
    const spoilRecords = (frame: Uint8Array, keep: boolean) =>
      frameWithCar(frame, (car) => ({
        ...car,
        blocks: car.blocks.flatMap((block) =>
          isRecord(block) ? [{ ...block, data: spoil(block.data) }, ...(keep ? [block] : [])] : [block],
        ),
      }));
    expect(faultsOf(spoilRecords(create, false))).toEqual(["hash-mismatch"]);
    expect(commitOf(spoilRecords(create, true)).ops).toEqual(commitOf(create).ops);
  });

  it("the same path twice among very many does so too", () => {
    const op = (i: number): CborMap =>
      new Map<string, CborValue>([
        ["action", "delete"],
        ["path", `app.bsky.feed.like/${i}`],
        ["cid", null],
      ]);
    const numbers = Array.from({ length: 100 }, (_, i) => i);
    const frame = frameWith(create, { ops: [...numbers, 50].map(op) });
    const expected = numbers.map((i) => (i === 50 ? "duplicate-path" : null));
    expect(faultsOf(frame)).toEqual([...expected, "duplicate-path"]);
    expect(commitOf(frameWith(create, { ops: numbers.map(op) })).rawFrame).toBeNull();
  });

  it("the same path twice spoils both ops and no third", () => {
    const frame = frameWithOps(several, (ops) =>
      ops.map((op, i) => (i === 0 ? op : i === 1 ? op.set("path", ops[0]?.get("path") ?? "") : op)),
    );
    expect(faultsOf(frame)).toEqual(Array.from({ length: count }, (_, i) => (i < 2 ? "duplicate-path" : null)));
  });

  it("shows a broken path without U+0000 and not at any length", () => {
    const [op] = commitOf(
      frameWithOps(create, ([only]) => [asMap(only).set("path", `x\0/${"y".repeat(100_000)}`)]),
    ).ops;
    expect(op?.collection).toBe("x\uFFFD");
    expect(op?.rkey.length).toBeLessThanOrEqual(1024);
    expect(op?.fault?.detail.length).toBeLessThan(200);
  });
});

describe("tolerated are", () => {
  const plain = commitOf(create);

  it.each<[string, Record<string, CborValue | undefined>]>([
    ["tooBig, rebase and blobs of whatever kind", { tooBig: true, rebase: "x", blobs: [blob] }],
    ["tooBig, rebase and blobs left out", { tooBig: undefined, rebase: undefined, blobs: undefined }],
    ["fields that nobody knows yet", { zzz: new Map<string, CborValue>([["a", [1, null, blob]]]), a: 5n ** 27n }],
  ])("%s", (_what, fields) => {
    expect(commitOf(frameWith(create, fields))).toEqual(plain);
  });

  it("a header with more than op and t", () => {
    const { header, body } = frameParts(create);
    expect(commitOf(joinFrame({ header: new Map([...header, ["zzz", null]]), body }))).toEqual(plain);
  });

  it("a missing or null prevData", () => {
    expect(commitOf(frameWith(several, { prevData: undefined }))).toEqual({ ...commitOf(several), prevTree: null });
    expect(commitOf(frameWith(several, { prevData: null }))).toEqual({ ...commitOf(several), prevTree: null });
  });

  it("a since of null, which says that nothing came before", () => {
    expect(commitOf(frameWith(create, { since: null }))).toEqual({ ...plain, since: null });
  });

  it("a time that is none: it is only shown", () => {
    for (const time of [undefined, "yesterday", 5]) {
      expect(commitOf(frameWith(create, { time }))).toEqual({ ...plain, timeMs: null });
    }
  });

  it("a commit without ops", () => {
    expect(commitOf(frameWith(create, { ops: [] }))).toEqual({ ...plain, ops: [] });
  });

  it("blocks in any order, twice, and ones that nobody asked for", () => {
    const extra = encodeCbor("extra");
    const frame = frameWithCar(create, (car) => ({
      ...car,
      blocks: [{ cid: cidOf(extra).bytes, data: extra }, ...[...car.blocks].reverse(), ...car.blocks],
    }));
    expect(commitOf(frame)).toEqual(plain);
  });

  it("a prev that is none or no record's CID", () => {
    const update = frameWhere((event) => event.kind === "commit" && event.ops[0]?.action === "update");
    expect(commitOf(update).ops[0]?.prev).toHaveLength(16);
    for (const prev of [null, undefined, blob, "x"]) {
      const frame = frameWithOps(update, (ops) => {
        const op = ops[0] ?? new Map();
        if (prev === undefined) {
          op.delete("prev");
        } else {
          op.set("prev", prev);
        }
        return ops;
      });
      expect(commitOf(frame).ops[0]).toMatchObject({ prev: null, fault: null });
    }
  });

  it("a delete that names a CID", () => {
    const frame = frameWithOps(create, ([op]) => [asMap(op).set("action", "delete")]);
    expect(commitOf(frame).ops[0]).toMatchObject({ action: "delete", cid: null, record: null, fault: null });
  });
});

describe("#sync, #identity and #account", () => {
  it("a #sync tells the rev and the tree", () => {
    const event = eventOf(sync);
    expect(event).toMatchObject({ kind: "sync", rev: expect.any(BigInt) });
    const { body } = frameParts(sync);
    expect(event.kind === "sync" && tidText(event.rev)).toBe(body.get("rev"));
  });

  it("an #identity without a handle has none", () => {
    for (const handle of [undefined, null]) {
      expect(eventOf(frameWith(identity, { handle }))).toMatchObject({ kind: "identity", handle: null });
    }
  });

  it("a handle is kept as it was sent, unless no column could hold it", () => {
    const handleOf = (handle: string) => eventOf(frameWith(identity, { handle }));
    expect(handleOf("Not A Handle")).toMatchObject({ handle: "Not A Handle" });
    expect(handleOf("handle.invalid")).toMatchObject({ handle: "handle.invalid" });
    expect(handleOf("a\0.test")).toMatchObject({ handle: "handle.invalid" });
    expect(handleOf(`${"a".repeat(300)}.test`)).toMatchObject({ handle: "handle.invalid" });
  });

  it("a status of any name is kept, and none is null", () => {
    const statusOf = (status: CborValue | undefined) => eventOf(frameWith(account, { status }));
    expect(statusOf("on-holiday")).toMatchObject({ kind: "account", active: false, status: "on-holiday" });
    expect(statusOf("a\0b")).toMatchObject({ status: "a\uFFFDb" });
    expect(statusOf(undefined)).toMatchObject({ status: null });
    expect(statusOf(null)).toMatchObject({ status: null });
  });
});

describe("hostile frames cost bounded time", () => {
  /** Milliseconds each takes at the most: far more than needed, far less than quadratic work would. */
  const limitMs = 2000;
  const bounded = (frame: Uint8Array): Message => {
    const startedMs = performance.now();
    const result = decode(frame);
    expect(performance.now() - startedMs).toBeLessThan(limitMs);
    return result;
  };

  it("200 ops that all ask for a block of which there are thousands of wrong copies", () => {
    const record = commitOf(create).ops[0]?.record ?? new Uint8Array();
    const wrong = { cid: cidOf(record).bytes, data: new Uint8Array(80) };
    const frame = frameWithOps(
      frameWithCar(create, (car) => ({
        ...car,
        blocks: [...car.blocks.filter((block) => !isRecord(block)), ...Array.from({ length: 16_000 }, () => wrong)],
      })),
      ([op]) => Array.from({ length: 200 }, (_, i) => new Map(asMap(op)).set("path", `a.b.c/${i}`)),
    );
    const result = bounded(frame);
    expect(result.kind === "event" && result.event.kind === "commit" && result.event.ops[199]?.fault?.reason).toBe(
      "hash-mismatch",
    );
  });

  it("fields of the deepest and widest kind", () => {
    const deep = (levels: number): CborValue => (levels === 0 ? [] : [deep(levels - 1)]);
    expect(bounded(frameWith(create, { zzz: deep(29) })).kind).toBe("event");
    expect(bounded(frameWith(create, { zzz: deep(31) })).kind).toBe("malformed");
    const wide = Array.from({ length: 131_072 }, () => null);
    expect(bounded(frameWith(create, { zzz: wide, zzzz: wide })).kind).toBe("event");
    expect(bounded(frameWith(create, { zzz: [...wide, null] })).kind).toBe("malformed");
  });

  it("keys that are special to JavaScript", () => {
    const frame = changedFrame(create, ({ header, body }) => {
      header.set("__proto__", new Map([["t", "#identity"]]));
      body.set("__proto__", new Map([["repo", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"]])).set("constructor", 1);
    });
    expect(commitOf(frame)).toEqual(commitOf(create));
    expect(({} as Record<string, unknown>)["repo"]).toBeUndefined();
  });

  it("paths of megabytes without a slash", () => {
    const frame = frameWithOps(create, ([op]) =>
      Array.from({ length: 200 }, (_, i) => new Map(asMap(op)).set("path", `${i}${"a".repeat(20_000)}`)),
    );
    const result = bounded(frame);
    expect(
      result.kind === "event" &&
        result.event.kind === "commit" &&
        result.event.ops.every(({ fault }) => fault?.reason === "bad-path"),
    ).toBe(true);
  });
});

function blockMap({ data }: Block): CborMap {
  const result = decodeCbor(data);
  return result.ok && result.value instanceof Map ? result.value : new Map();
}

/** Another commit block in the place of the real one, with its own CID as root and `commit`: only what it says is wrong. */
function withCommitBlock(frame: Uint8Array, change: (block: CborMap) => void): Uint8Array {
  let commit = blob;
  const withBlock = frameWithCar(frame, (car) => {
    const blocks = car.blocks.map((block) => {
      if (!isCommit(block)) {
        return block;
      }
      const map = blockMap(block);
      change(map);
      commit = cidOf(encodeCbor(map));
      return { cid: commit.bytes, data: encodeCbor(map) };
    });
    return {
      header: new Map<string, CborValue>([
        ["roots", [commit]],
        ["version", 1],
      ]),
      blocks,
    };
  });
  return frameWith(withBlock, { commit });
}

function isCommit(block: Block): boolean {
  return blockMap(block).has("sig");
}

function isRecord(block: Block): boolean {
  return blockMap(block).has("$type");
}

function spoil(data: Uint8Array): Uint8Array {
  return Uint8Array.from(data, (byte, i) => (i === data.length - 1 ? byte ^ 1 : byte));
}
