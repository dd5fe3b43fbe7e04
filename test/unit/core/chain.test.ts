import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Chain, type RepoState, type Verdict } from "../../../lib/core/chain.ts";
import { digestOf } from "../../../lib/core/cid.ts";
import type { CommitEvent, SyncEvent } from "../../../lib/core/event.ts";

const NOTHING: RepoState = { rev: 0n, contiguousFrom: 0n, tree: null };
const tree = (rev: number): Uint8Array => digestOf(Buffer.from(String(rev)));
const base = (rev: number) => ({
  seq: rev,
  did: "did:plc:a",
  timeMs: null,
  receivedAtMs: 0,
  rev: BigInt(rev),
  tree: tree(rev),
});

function commit(rev: number, since: number | null): CommitEvent {
  return {
    kind: "commit",
    ...base(rev),
    since: since === null ? null : BigInt(since),
    prevTree: null,
    ops: [],
    rawFrame: null,
  };
}

function sync(rev: number, at: number = rev): SyncEvent {
  return { kind: "sync", ...base(rev), tree: tree(at) };
}

function verdicts(chain: Chain, ...commits: readonly CommitEvent[]): Verdict[] {
  return commits.map((each) => chain.commit(each));
}

describe("a repo's chain", () => {
  it("applies what continues it and knows it again", () => {
    const chain = new Chain(NOTHING);
    expect(verdicts(chain, commit(1, null), commit(2, 1), commit(3, 2), commit(2, 1), commit(1, null))).toEqual([
      "fresh",
      "fresh",
      "fresh",
      "repeat",
      "repeat",
    ]);
    expect(chain).toMatchObject({ rev: 3n, contiguousFrom: 0n, broken: 0, isNew: true });
  });

  it("goes record by record for what is older than its run", () => {
    const chain = new Chain(NOTHING);
    expect(verdicts(chain, commit(3, 2), commit(4, 3), commit(9, 8))).toEqual(["fresh", "fresh", "fresh"]);
    expect(chain).toMatchObject({ contiguousFrom: 8n, broken: 1 });
    expect(verdicts(chain, commit(6, 5), commit(8, 7), commit(9, 8), commit(3, 2))).toEqual([
      "by-record",
      "by-record",
      "repeat",
      "by-record",
    ]);
  });

  it("is not broken by the first commit that we see of it", () => {
    const chain = new Chain(NOTHING);
    chain.commit(commit(7, 6));
    expect(chain).toMatchObject({ broken: 0, contiguousFrom: 6n });
  });

  it("starts anew with a #sync that says something else, and not with one that says what we have", () => {
    const chain = new Chain({ rev: 5n, contiguousFrom: 0n, tree: tree(5) });
    expect(chain.sync(sync(5))).toBe("repeat");
    expect(chain.sync(sync(4))).toBe("repeat");
    expect(chain.sync(sync(5, 99))).toBe("fresh");
    expect(chain).toMatchObject({ contiguousFrom: 5n, broken: 1 });
    expect(chain.sync(sync(8))).toBe("fresh");
    expect(verdicts(chain, commit(9, 8), commit(7, 6))).toEqual(["fresh", "by-record"]);
    expect(chain).toMatchObject({ rev: 9n, contiguousFrom: 8n, broken: 2 });
  });

  it("believes no since that would make it skip what it has not seen", () => {
    const chain = new Chain(NOTHING);
    expect(verdicts(chain, commit(1, null), commit(3, null), commit(2, null))).toEqual(["fresh", "fresh", "by-record"]);
    expect(verdicts(new Chain({ rev: 5n, contiguousFrom: 4n, tree: null }), commit(9, 2), commit(7, 6))).toEqual([
      "fresh",
      "by-record",
    ]);
  });

  it("never calls a commit a repeat that it has not seen, whatever the order of arrival", () => {
    const history = Array.from({ length: 12 }, (_, index) => commit(index + 1, index === 0 ? null : index));
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...history), { maxLength: 40 }), (arrivals) => {
        const chain = new Chain(NOTHING);
        const seen = new Set<bigint>();
        for (const each of arrivals) {
          if (chain.commit(each) === "repeat") {
            expect(seen.has(each.rev)).toBe(true);
          }
          seen.add(each.rev);
        }
      }),
    );
  });
});
