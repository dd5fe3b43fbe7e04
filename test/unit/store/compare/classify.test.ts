import { describe, expect, test } from "vitest";
import { makeTid, tidText } from "../../../../lib/core/tid.ts";
import { classify, type Pair } from "../../../../lib/store/compare/classify.ts";
import { KINDS } from "../../../../lib/store/compare/kinds.ts";
import type { ComparedRecord } from "../../../../lib/store/compare/record.ts";

const window = { fromMs: 1_000_000, toMs: 2_000_000 };
const DID = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa";
const kindOf = (name: string) => KINDS.find((kind) => kind.name === name) ?? fail(name);

function fail(name: string): never {
  throw new Error(`no kind ${name}`);
}

function record(more: Partial<ComparedRecord> & { atMs?: number } = {}): ComparedRecord {
  const { atMs = 1_500_000, ...rest } = more;
  const uri = `at://${DID}/app.bsky.feed.like/${tidText(makeTid(atMs * 1000, 1))}`;
  return { uri, fields: { subject: "at://x" }, revMs: null, createdMs: null, ...rest };
}

function verdict(pair: Partial<Pair>) {
  return classify({
    kind: kindOf("likes"),
    here: undefined,
    there: undefined,
    absence: undefined,
    window,
    isEstablished: true,
    ...pair,
  });
}

describe("a record that both have", () => {
  test("is the same where what both say is the same, whatever only one says", () => {
    const here = record({ fields: { subject: "at://x", cid: "c" } });
    expect(verdict({ here, there: record() })).toEqual({ outcome: "same", fields: [] });
  });

  test("differs by the names of what differs", () => {
    const there = record({ fields: { subject: "at://y", text: "only there" } });
    expect(verdict({ here: record(), there })).toEqual({ outcome: "differs", fields: ["subject"] });
  });

  test("is later where one of them has a version that the other cannot have yet", () => {
    const there = record({ fields: { subject: "at://y" } });
    expect(verdict({ here: record({ revMs: 2_000_000 }), there }).outcome).toBe("later");
    expect(verdict({ here: record({ revMs: 1_999_999 }), there }).outcome).toBe("differs");
  });
});

describe("a record that one of them has", () => {
  test.each([
    [999_999, "outside"],
    [1_000_000, "only-this"],
    [1_999_999, "only-this"],
    [2_000_000, "later"],
  ])("written at %i ms by its commit is %s", (revMs, outcome) => {
    expect(verdict({ here: record({ revMs }) }).outcome).toBe(outcome);
  });

  test.each([
    [999_999, "outside"],
    [1_000_000, "only-other"],
    [2_000_000, "later"],
  ])("without a commit is judged by its key: %i ms is %s", (atMs, outcome) => {
    expect(verdict({ there: record({ atMs }) }).outcome).toBe(outcome);
  });

  test("whose key is no time is judged by createdAt, and is outside where there is none", () => {
    const there = record({ uri: `at://${DID}/app.bsky.feed.generator/news`, createdMs: 1_500_000 });
    const kind = kindOf("feed_generators");
    expect(verdict({ kind, there }).outcome).toBe("only-other");
    expect(verdict({ kind, there: { ...there, createdMs: null } }).outcome).toBe("outside");
  });

  test("was deleted on the other side, unless that came later", () => {
    const absence = { kind: "deleted", revMs: 1_999_999 } as const;
    expect(verdict({ there: record(), absence }).outcome).toBe("deleted-here");
    expect(verdict({ here: record({ revMs: 1_500_000 }), absence }).outcome).toBe("deleted-there");
    expect(verdict({ there: record(), absence: { kind: "deleted", revMs: 2_000_000 } }).outcome).toBe("later");
  });

  test("is no difference where the other one keeps another of the pair, or leaves its collection out", () => {
    expect(verdict({ here: record({ revMs: 1_500_000 }), absence: { kind: "one-a-subject" } }).outcome).toBe(
      "one-a-subject",
    );
    const here = record({ uri: `at://${DID}/app.bsky.actor.status/self`, revMs: 1_500_000 });
    const kind = kindOf("generic_records");
    expect(verdict({ kind, here }).outcome).toBe("left-out");
    expect(verdict({ kind, here, isEstablished: false }).outcome).toBe("only-this");
  });
});
