import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cidText, digestOf } from "../../../../lib/core/cid.ts";
import { readPlainEdge } from "../../../../lib/core/collections/plain-edge.ts";
import { decodeRecord, readRecord } from "../../../../lib/core/collections/registry.ts";
import { encodeCbor } from "../../../../lib/core/dag-cbor-encode.ts";
import { fromDagJson } from "../../../../lib/core/dag-json.ts";

/** Of the second of the records' createdAt. */
const TID = "3n2ry3cnme222";
const COLLECTIONS = ["app.bsky.feed.like", "app.bsky.feed.repost", "app.bsky.graph.follow", "app.bsky.graph.block"];

const did = fc.constantFrom(
  "did:plc:ewvi7nxzyoun6zhxrhs64oiz",
  "did:plc:a7nxzyounewvi6zhxrhs64oi",
  "did:web:example.org:with:path",
  "did:plc:q2qpjjxcdf5jirgofzb4gfcn",
  "did:web:example.com",
  `did:web:${"a".repeat(180)}.example`,
  "did:plc:short",
  "no did",
  "did:plc:ü2qpjjxcdf5jirgofzb4gfcn",
);
const cid = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => cidText(digestOf(bytes))),
  fc.uint8Array({ minLength: 5, maxLength: 9 }).map((bytes) => cidText(digestOf(bytes))),
  fc.constantFrom(cidText(digestOf(Uint8Array.of(1)), 0x55), "bafy", "b".repeat(59)),
);
const uri = fc
  .tuple(
    did,
    fc.constantFrom("app.bsky.feed.post", "app.bsky.feed.generator", "com.example.thing", "nope"),
    fc.constantFrom(TID, "self", "a:b", "é", ""),
  )
  .map(([authority, collection, rkey]) => `at://${authority}/${collection}/${rkey}`);
const ref = fc.record({ uri, cid });
const createdAt = fc.constantFrom(
  "2026-11-21T01:45:05.352Z",
  "2026-11-21T01:45:05Z",
  "2026-11-21T01:45:05.352123+00:00",
  "2026-11-21T01:45:05.3Z",
  "yesterday",
);

/** Mostly plain records, some with a field too many, too few, or of another type. */
const record = fc
  .tuple(
    fc.constantFrom(...COLLECTIONS),
    fc.boolean(),
    ref,
    did,
    createdAt,
    fc.option(ref),
    fc.integer({ min: 0, max: 20 }),
  )
  .map(([nsid, swapped, strong, actor, created, via, oddity]) => {
    const subject = nsid.startsWith("app.bsky.feed") === swapped ? actor : strong;
    const plain = { $type: nsid, subject, createdAt: created, ...(via === null ? {} : { via }) };
    const odd: Record<number, unknown> = {
      1: { ...plain, extra: 1 },
      2: { $type: nsid, subject },
      3: { ...plain, $type: "com.example.other" },
      4: { ...plain, subject: { ...strong, more: true } },
      5: { ...plain, via: "text" },
      6: [plain],
    };
    return { nsid, bytes: encodeCbor(fromDagJson(odd[oddity] ?? plain)) };
  });

/** What the decoder makes of it, where it says that the columns hold all. */
function decodedPlain(nsid: string, bytes: Uint8Array) {
  const { row } = decodeRecord(nsid, TID, bytes);
  return (row.shape === "record-edge" || row.shape === "actor-edge") && row.isPlain ? row : undefined;
}

describe("the template of plain edges", () => {
  it("takes what the decoder finds plain, gives the same row, and takes nothing else", () => {
    let plain = 0;
    fc.assert(
      fc.property(record, ({ nsid, bytes }) => {
        const expected = decodedPlain(nsid, bytes);
        plain += expected === undefined ? 0 : 1;
        expect(readPlainEdge(nsid, bytes)).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
    // So that the property says something.
    expect(plain).toBeGreaterThan(50);
  });

  it("takes no record with a byte changed, cut off or added that the decoder would not find plain", () => {
    fc.assert(
      fc.property(
        record,
        fc.nat(),
        fc.nat({ max: 255 }),
        fc.constantFrom("set", "cut", "add"),
        (made, at, byte, how) => {
          const bytes = Uint8Array.from(how === "add" ? [...made.bytes, byte] : made.bytes);
          const place = at % bytes.length;
          bytes[place] = how === "set" ? byte : (bytes[place] ?? 0);
          const changed = how === "cut" ? bytes.subarray(0, place) : bytes;
          expect(readPlainEdge(made.nsid, changed)).toEqual(decodedPlain(made.nsid, changed));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it("takes no length that is written longer than it has to be", () => {
    const follow = { $type: COLLECTIONS[2], subject: "did:web:example.com", createdAt: "2026-11-21T01:45:05.352Z" };
    const bytes = Buffer.from(encodeCbor(fromDagJson(follow)));
    const at = bytes.indexOf("did:web") - 1;
    const longer = Buffer.concat([bytes.subarray(0, at), Buffer.of(0x78, 19), bytes.subarray(at + 1)]);
    expect(readPlainEdge("app.bsky.graph.follow", bytes)).toMatchObject({ subjectDid: "did:web:example.com" });
    expect(readPlainEdge("app.bsky.graph.follow", longer)).toBeUndefined();
  });

  it("is not asked where the rkey is no TID: that is a misfit", () => {
    const like = {
      $type: COLLECTIONS[0],
      subject: {
        uri: `at://did:plc:q2qpjjxcdf5jirgofzb4gfcn/app.bsky.feed.post/${TID}`,
        cid: cidText(digestOf(Uint8Array.of(1))),
      },
      createdAt: "2026-11-21T01:45:05Z",
    };
    const bytes = encodeCbor(fromDagJson(like));
    expect(readRecord("app.bsky.feed.like", TID, bytes).row.shape).toBe("record-edge");
    expect(readRecord("app.bsky.feed.like", "self", bytes).row.shape).toBe("misfit");
  });
});
