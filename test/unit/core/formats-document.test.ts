import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { FirehoseEvent } from "../../../lib/core/event.ts";
import { laneOf } from "../../../lib/core/lane.ts";
import { decodePack, encodePack, PACK_LIMITS } from "../../../lib/core/pack.ts";
import { PackBuilder } from "../../../lib/core/pack-builder.ts";
import { decodeEnvelope, encodeEnvelope } from "../../../lib/core/pack-envelope.ts";
import { ACTION_CODES, COLLECTION_CODES, FAULT_CODES, REJECT_CODES } from "../../../lib/core/pack-envelope-codes.ts";
import { eventsOf } from "../../support/packs.ts";

const text = readFileSync(new URL("../../../docs/formats.md", import.meta.url), "utf8");

/** The bytes of a block of the document: on each line hexadecimal, two spaces, words. */
function bytesOf(name: string): Buffer {
  const block = text.split(`\`\`\`${name}\n`)[1]?.split("\n```")[0]?.split("\n") ?? [];
  const columns = block.map((line) => line.split("  ")[0] ?? "");
  return Buffer.from(columns.join("").replaceAll(" ", ""), "hex");
}

const did = "did:web:a.test";
const record = Buffer.from("a1652474797065726170702e62736b792e666565642e6c696b65", "hex");
const identity: FirehoseEvent = {
  kind: "identity",
  seq: 1000,
  did,
  timeMs: 1_783_175_887_000,
  receivedAtMs: 1_783_175_887_100,
  handle: "a.test",
};
const commit: FirehoseEvent = {
  kind: "commit",
  seq: 1003,
  did,
  timeMs: null,
  receivedAtMs: 1_783_175_887_140,
  rev: 0x18c1_2345_6789_0400n,
  since: null,
  tree: new Uint8Array(16).fill(0x22),
  prevTree: null,
  ops: [
    {
      action: "create",
      collection: "app.bsky.feed.like",
      rkey: "3jzfcijpj2z2a",
      cid: null,
      prev: null,
      record: new Uint8Array(record),
      fault: null,
    },
  ],
  rawFrame: null,
};
const header = { lane: 2, lanes: 8, relay: "relay.test", epoch: 1, fence: 3, number: 7 };

describe("docs/formats.md", () => {
  test("the body of its example is what the builder writes", () => {
    const builder = new PackBuilder();
    builder.append(identity);
    builder.append(commit);
    expect(Buffer.from(builder.seal(header).body).toString("hex")).toBe(bytesOf("body").toString("hex"));
  });

  test("the pack of its example is read as the example says", () => {
    const result = decodePack(bytesOf("pack"));
    if (!result.ok) throw new Error(`${result.reason} at ${result.offset}`);
    expect(result.pack.header).toEqual({ ...header, firstSeq: 1000, lastSeq: 1003, count: 2 });
    expect(eventsOf(result.pack)).toEqual([identity, commit]);
    expect(laneOf(did, header.lanes)).toBe(header.lane);
    const compressed = bytesOf("pack").indexOf("28b52ffd", 0, "hex");
    expect(Buffer.from(encodePack(result.pack)).subarray(10, compressed - 2)).toEqual(
      bytesOf("pack").subarray(10, compressed - 2),
    );
  });

  test("its envelope by itself is that of the first event", () => {
    const bytes = bytesOf("envelope");
    expect(decodeEnvelope(bytes)).toEqual({ ok: true, event: identity });
    expect(Buffer.compare(encodeEnvelope(identity), bytes)).toBe(0);
  });

  test("its codes of collections are those of the code", () => {
    const rows = [...text.matchAll(/(?<=\| )(\d+) +\| `([a-zA-Z]+\.[a-zA-Z.]+)`/g)].map(([, code, name]) => [
      name,
      Number(code),
    ]);
    expect(new Map(rows as [string, number][])).toEqual(COLLECTION_CODES.codes);
  });

  test.each([
    { table: ACTION_CODES, name: "actions" },
    { table: FAULT_CODES, name: "faults" },
    { table: REJECT_CODES, name: "rejections" },
  ])("its codes of $name are those of the code", ({ table }) => {
    const list = [...table.codes].map(([name, code]) => `${code} ${name}`).join(", ");
    expect(text).toContain(list);
  });

  test("its limits are those of the code", () => {
    expect(text).toContain(
      `body inflated ${PACK_LIMITS.maxBodyBytes / 1024 / 1024} MiB, ${PACK_LIMITS.maxEvents.toLocaleString("en")} events, ${PACK_LIMITS.maxOps.toLocaleString("en")} ops`,
    );
  });
});
