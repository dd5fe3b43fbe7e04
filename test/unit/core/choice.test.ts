import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BatchEvent, readBatch } from "../../../lib/core/batch.ts";
import { type AuthorState, type ChosenOp, choose, type Numbers } from "../../../lib/core/choice.ts";
import type { FirehoseEvent } from "../../../lib/core/event.ts";
import { type PathState, pathsToCompare, plan } from "../../../lib/core/plan.ts";
import { Account, LIKE, likeOf } from "../../support/account.ts";

const KEY = "3l3qo2vutsw2b";
const POST_KEY = "3l3qo2vuu2s2b";
const NEW: AuthorState = { rev: 0n, contiguousFrom: 0n, tree: null, isOdd: false };

function source(event: FirehoseEvent, mode: BatchEvent["mode"] = "repo"): BatchEvent {
  return { event, relay: "relay.test", epoch: 1, relayId: 1, mode, setAside: null };
}

function numbering(): Numbers {
  const known = new Map<string, number>();
  const number = (name: string): number => known.get(name) ?? known.set(name, known.size + 100).size + 99;
  return {
    actor: number,
    collection: number,
    subject: ({ did, collection, rkey }) => number(`${did}/${collection}/${rkey}`),
  };
}

function chosen(sources: readonly BatchEvent[], state: AuthorState = NEW) {
  const batch = readBatch(sources);
  const numbers = numbering();
  const choice = choose(
    batch,
    numbers,
    batch.authors.map(() => state),
  );
  return {
    batch,
    numbers,
    choice,
    planned: (paths: ReadonlyMap<ChosenOp, PathState> = new Map()) =>
      plan({ batch, choice, numbers, paths, accounts: [] }),
  };
}

describe("commits that do not say their rev", () => {
  it("are newer than everything stored, in the order of their arrival, and older than whatever comes with a rev", () => {
    const account = new Account("arrival");
    const commits = [
      account.commit({ action: "create", rkey: KEY, record: likeOf(POST_KEY) }),
      account.commit({ action: "delete", rkey: KEY }),
    ].map((commit) => ({ ...commit, rev: 0n, since: null }));
    const stored: AuthorState = { ...NEW, rev: 7_000n, contiguousFrom: 6_000n };
    const { choice, planned } = chosen(
      commits.map((event) => source(event, "arrival")),
      stored,
    );
    expect(choice.ops.map(({ op, commit }) => [op.op.action, commit.rev])).toEqual([["delete", 7_002n]]);
    expect(planned().changes.repos).toMatchObject([{ rev: 7_002n, contiguousFrom: 6_000n, broken: 0 }]);
    const real = account.commit({ action: "create", rkey: KEY, record: likeOf(POST_KEY) });
    expect(chosen([source(real)], { ...stored, rev: 7_002n }).choice.counts.appliedEvents).toEqual({ commit: 1 });
  });
});

describe("the last word on a path", () => {
  it("is the op of the highest rev, whatever the order of arrival", () => {
    const account = new Account("order");
    const commits = [
      account.commit({ action: "create", rkey: KEY, record: likeOf(POST_KEY) }),
      account.commit({ action: "delete", rkey: KEY }),
      account.commit({ action: "create", rkey: KEY, record: likeOf(POST_KEY) }),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(commits, { minLength: 3 }), (shuffled) => {
        const { choice } = chosen(shuffled.map((event) => source(event, "record")));
        expect(choice.ops).toHaveLength(1);
        expect(choice.ops[0]?.commit).toBe(commits[2]);
      }),
    );
  });

  it("replaces what an earlier op of the batch may have left", () => {
    const account = new Account("replaces");
    const first = account.commit({ action: "create", rkey: KEY, record: likeOf(POST_KEY) });
    expect(chosen([source(first)]).choice.ops[0]?.replaces).toBe(false);
    const again = account.commit({ action: "create", rkey: KEY, record: likeOf(POST_KEY) });
    expect(chosen([source(first), source(again)]).choice.ops[0]?.replaces).toBe(true);
  });
});

describe("what is compared with the stored record", () => {
  it("is only what is older than the unbroken run", () => {
    const account = new Account("compared");
    const old = account.commit({ action: "create", rkey: KEY, record: likeOf(POST_KEY) });
    const state = { ...NEW, rev: old.rev + 5n, contiguousFrom: old.rev };
    const { choice } = chosen([source(old)], state);
    expect(pathsToCompare(choice)).toEqual(choice.ops);
    expect(chosen([source(old)], { ...state, contiguousFrom: 0n }).choice.counts).toMatchObject({
      repeatedEvents: 1,
      repeatedOps: 1,
    });
  });

  it("is a repeat where something newer is stored, or was deleted", () => {
    const event = new Account("overtaken").commit({ action: "create", rkey: KEY, record: likeOf(POST_KEY) });
    for (const state of [
      { rowRev: event.rev, tombstoneRev: null },
      { rowRev: null, tombstoneRev: event.rev + 1n },
    ]) {
      const { choice, planned } = chosen([source(event, "record")]);
      const { changes, counts } = planned(new Map(choice.ops.map((op) => [op, state])));
      expect(changes.edges).toEqual([]);
      expect(counts).toMatchObject({ appliedOps: { create: 0 }, repeatedOps: 1 });
    }
  });
});

describe("a plan", () => {
  it("needs a number for each subject once, and gives rows theirs", () => {
    const account = new Account("subjects");
    const commits = ["3l3qo2vutaa2b", "3l3qo2vutbb2b", "3l3qo2vutcc2b"].map((rkey, index) =>
      account.commit({ action: "create", rkey, record: likeOf(index < 2 ? POST_KEY : KEY) }),
    );
    const { batch, planned } = chosen(commits.map((event) => source(event)));
    const { changes } = planned();
    expect(batch.subjects.distinct.map(({ rkey }) => rkey)).toEqual([POST_KEY, KEY]);
    const [first, second, third] = changes.edges.map(({ subject }) => subject);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(changes.repos).toHaveLength(1);
  });

  it("leaves a tombstone for each delete, and looks for misfits only of odd accounts", () => {
    const event = new Account("tombstone").commit({ action: "delete", rkey: KEY });
    const { changes } = chosen([source(event)]).planned();
    expect(changes.tombstones).toMatchObject([{ collection: 1, rkey: KEY, rev: event.rev }]);
    expect(changes.oddPaths).toEqual([]);
    expect(chosen([source(event)], { ...NEW, isOdd: true }).planned().changes.oddPaths).toHaveLength(1);
  });

  it("moves the repo on past ops that are dead", () => {
    const fault = { reason: "missing-block", detail: "gone" } as const;
    const event = new Account("dead").commit({
      action: "create",
      collection: LIKE,
      rkey: KEY,
      record: likeOf(POST_KEY),
      fault,
    });
    const { changes, counts } = chosen([source(event)]).planned();
    expect(changes.repos).toMatchObject([{ rev: event.rev }]);
    expect(changes.deadLetters).toMatchObject([{ scope: "op", reason: "missing-block", path: { rkey: KEY } }]);
    expect(counts.deadLetters).toEqual({ "missing-block": 1 });
  });
});
