import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { COLLECTIONS, readRecord } from "../../../../lib/core/collections/registry.ts";
import { encodeCbor } from "../../../../lib/core/dag-cbor-encode.ts";
import { fromDagJson } from "../../../../lib/core/dag-json.ts";
import { projectRoot } from "../../../support/project-root.ts";

/** Of the second of the records' createdAt. */
const TID = "3n2ry3cnme222";
const CID = "bafyreiecg3vgldxji43am4bqwf5zgkcmmduaxnx5xzofiudchzkstewpp4";
const REF = { uri: `at://did:plc:q2qpjjxcdf5jirgofzb4gfcn/app.bsky.feed.post/${TID}`, cid: CID };
const AT = "2026-11-21T01:45:05.352Z";

function read(collection: string, record: unknown, rkey: string = TID) {
  return readRecord(collection, rkey, encodeCbor(fromDagJson(record)));
}

const valid: Record<string, object> = {
  "app.bsky.feed.like": { subject: REF, createdAt: AT },
  "app.bsky.feed.repost": { subject: REF, createdAt: AT },
  "app.bsky.graph.follow": { subject: "did:plc:q2qpjjxcdf5jirgofzb4gfcn", createdAt: AT },
  "app.bsky.graph.block": { subject: "did:web:example.com", createdAt: AT },
  "app.bsky.feed.post": { text: "hello", createdAt: AT },
  "app.bsky.actor.profile": {},
  "app.bsky.graph.list": { name: "list", purpose: "app.bsky.graph.defs#modlist", createdAt: AT },
  "app.bsky.graph.listitem": { subject: "did:plc:a", list: REF.uri, createdAt: AT },
  "app.bsky.graph.listblock": { subject: REF.uri, createdAt: AT },
  "app.bsky.feed.generator": { did: "did:web:feed.example", displayName: "feed", createdAt: AT },
  "app.bsky.graph.starterpack": { name: "pack", list: REF.uri, createdAt: AT },
  "app.bsky.labeler.service": { policies: { labelValues: [] }, createdAt: AT },
  "app.bsky.graph.verification": { subject: "did:plc:a", handle: "a.test", displayName: "A", createdAt: AT },
  "app.bsky.feed.threadgate": { post: REF.uri, createdAt: AT },
  "app.bsky.feed.postgate": { post: REF.uri, createdAt: AT },
};

function keyOf(nsid: string): string {
  return COLLECTIONS.find((collection) => collection.nsid === nsid)?.key === "self" ? "self" : TID;
}

describe("collections", () => {
  it("have a file each, in the folder of their registry", () => {
    const shared = new Set(["collection.ts", "document.ts", "edge.ts", "fields.ts", "plain-edge.ts", "registry.ts"]);
    const files = readdirSync(join(projectRoot, "lib/core/collections")).filter((name) => !shared.has(name));
    expect(files).toHaveLength(COLLECTIONS.length);
    expect(Object.keys(valid).toSorted()).toEqual(COLLECTIONS.map(({ nsid }) => nsid).toSorted());
  });

  it.each(Object.entries(valid))("%s takes a record of its lexicon", (nsid, record) => {
    expect(read(nsid, { $type: nsid, ...record }, keyOf(nsid)).row.shape).not.toBe("misfit");
  });

  it.each(Object.entries(valid))(
    "%s takes none with another $type, none without one, and none without a required field",
    (nsid, record) => {
      expect(read(nsid, { $type: "com.example.other", ...record }, keyOf(nsid)).row).toMatchObject({
        shape: "misfit",
        problem: "$type is another than the collection",
      });
      expect(read(nsid, record, keyOf(nsid)).row).toMatchObject({ shape: "misfit", problem: "$type is missing" });
      for (const field of Object.keys(record)) {
        const { [field as never]: _, ...rest } = record;
        expect(read(nsid, { $type: nsid, ...rest }, keyOf(nsid)).row.shape).toBe("misfit");
      }
    },
  );

  it.each(COLLECTIONS.filter(({ key }) => key !== "any").map(({ nsid }) => nsid))(
    "%s takes no rkey of another form",
    (nsid) => {
      expect(read(nsid, { $type: nsid, ...valid[nsid] }, "abc").row).toMatchObject({
        shape: "misfit",
        problem: expect.stringContaining("rkey"),
      });
    },
  );
});

describe("what the columns say of an edge", () => {
  const like = { $type: "app.bsky.feed.like", subject: REF, createdAt: AT };

  it("is all of it for the plain forms, with and without via", () => {
    for (const record of [like, { ...like, via: REF }]) {
      const { row, json } = read("app.bsky.feed.like", record);
      expect(row).toMatchObject({ shape: "record-edge", isPlain: true });
      expect(json).toBeNull();
    }
  });

  it.each([
    ["another field", { ...like, extra: 1 }],
    ["another field in the subject", { ...like, subject: { ...REF, extra: 1 } }],
    ["another form of time", { ...like, createdAt: "2026-11-21T02:45:05+01:00" }],
    ["no time", { ...like, createdAt: "yesterday" }],
    ["a via that is no reference", { ...like, via: "x" }],
  ])("is not all of it with %s", (_, record) => {
    const { row, json } = read("app.bsky.feed.like", record);
    expect(row).toMatchObject({ shape: "record-edge", isPlain: false });
    expect(json).not.toBeNull();
  });

  it.each([
    { ...REF, uri: `at://alice.test/app.bsky.feed.post/${TID}` },
    { ...REF, uri: "at://did:plc:a/app.bsky.feed.post" },
    { ...REF, uri: "https://example.com/" },
    { ...REF, cid: "bafkreibme22gw2h7y2h7tg2fhqotaqjucnbc24deqo72b6mkl2egezxhvy" },
    { uri: REF.uri },
    "text",
  ])("is nothing where the subject is %j", (subject) => {
    expect(read("app.bsky.feed.like", { ...like, subject }).row.shape).toBe("misfit");
  });
});

describe("any other record", () => {
  it("of an unknown collection is a document, whatever its $type says", () => {
    expect(read("com.example.thing", { $type: "com.example.else", deep: { $bytes: "AAE" } }, "any~key").row).toEqual({
      shape: "document",
      created: null,
    });
  });

  it("that is no CBOR is a misfit with the place", () => {
    expect(readRecord("com.example.thing", "x", Uint8Array.of(0xff)).row).toMatchObject({
      shape: "misfit",
      problem: expect.stringContaining("at byte 0"),
    });
  });

  it("of a post finds its quote one level deeper beside media", () => {
    const post = { $type: "app.bsky.feed.post", text: "", createdAt: AT };
    const inner = { $type: "app.bsky.embed.record", record: REF };
    expect(read("app.bsky.feed.post", { ...post, embed: inner }).row).toMatchObject({ quote: { rkey: TID } });
    const media = { $type: "app.bsky.embed.recordWithMedia", record: inner, media: {} };
    expect(read("app.bsky.feed.post", { ...post, embed: media }).row).toMatchObject({ quote: { rkey: TID } });
    expect(
      read("app.bsky.feed.post", { ...post, embed: { $type: "com.example.embed", record: REF } }).row,
    ).toMatchObject({ quote: null });
  });
});
