import { describe, expect, it } from "vitest";
import { digestOf, parseCidText } from "../../../../lib/core/cid.ts";
import { readRecord } from "../../../../lib/core/collections/registry.ts";
import { type CborMap, type CborValue, decodeCbor } from "../../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../../lib/core/dag-cbor-encode.ts";
import type { CommitEvent } from "../../../../lib/core/event.ts";
import { laneOf } from "../../../../lib/core/lane.ts";
import { readPack } from "../../../../lib/core/pack.ts";
import { parseTid, tidTimeMs } from "../../../../lib/core/tid.ts";
import { PackLoad } from "../../../bench/load/packs.ts";

const LIKE = "app.bsky.feed.like";
const POST = "app.bsky.feed.post";

function eventsOf(load: PackLoad, count: number): CommitEvent[] {
  return Array.from({ length: count }, () => load.event());
}

function opOf(event: CommitEvent) {
  const [op, ...others] = event.ops;
  if (op === undefined || others.length > 0) throw new Error("not one op");
  return op;
}

function field(record: Uint8Array | null, ...path: readonly string[]): CborValue | undefined {
  const decoded = decodeCbor(record ?? new Uint8Array());
  if (!decoded.ok) throw new Error(decoded.reason);
  return path.reduce<CborValue | undefined>((value, key) => (value as CborMap | undefined)?.get(key), decoded.value);
}

/** Empty where there is none. */
function text(record: Uint8Array | null, ...path: readonly string[]): string {
  const value = field(record, ...path);
  return typeof value === "string" ? value : "";
}

describe("the same seed", () => {
  it("gives the same events, another seed others", () => {
    const first = eventsOf(new PackLoad({ seed: 7 }), 3000);
    expect(eventsOf(new PackLoad({ seed: 7 }), 3000)).toEqual(first);
    const other = eventsOf(new PackLoad({ seed: 8 }), 3000);
    expect(other.filter(({ did }, index) => did === first[index]?.did).length).toBeLessThan(100);
  });
});

describe("an event", () => {
  const events = eventsOf(new PackLoad(), 20_000);

  it("has a rev that rises with every event and lies in the past", () => {
    let last = 0n;
    for (const { rev } of events) {
      expect(rev).toBeGreaterThan(last);
      last = rev;
    }
    expect(tidTimeMs(last)).toBeLessThan(Date.now());
  });

  it("continues the chain of its author", () => {
    const last = new Map<string, CommitEvent>();
    for (const event of events) {
      const before = last.get(event.did);
      if (before !== undefined) {
        expect(event.since).toBe(before.rev);
        expect(event.prevTree).toEqual(before.tree);
      }
      last.set(event.did, event);
    }
    expect(last.size).toBeLessThan(events.length);
  });

  it("holds a record in canonical form that its table says whole", () => {
    for (const event of events) {
      const { collection, rkey, record, action } = opOf(event);
      if (record === null) {
        expect(action).toBe("delete");
        continue;
      }
      const decoded = decodeCbor(record);
      expect(decoded.ok && Buffer.compare(encodeCbor(decoded.value), record)).toBe(0);
      const { row, json } = readRecord(collection, rkey, record);
      expect(row.shape).not.toBe("misfit");
      // Posts are JSON; edges are their columns and nothing else.
      expect(json?.exact ?? "columns").toBe(collection === POST ? true : "columns");
    }
  });

  it("was made a moment before its rev, and says so in milliseconds", () => {
    for (const event of events) {
      const { rkey, record } = opOf(event);
      if (record === null) continue;
      const madeMs = tidTimeMs(parseTid(rkey) ?? 0n);
      const wait = tidTimeMs(event.rev) - madeMs;
      expect(wait).toBeGreaterThan(0);
      expect(wait).toBeLessThan(15_000);
      expect(field(record, "createdAt")).toBe(new Date(madeMs).toISOString());
    }
  });

  it("names posts by the CIDs that they have", () => {
    const posts = new Map(
      events.flatMap((event) => {
        const { collection, rkey, record } = opOf(event);
        return collection === POST && record !== null ? [[`at://${event.did}/${POST}/${rkey}`, digestOf(record)]] : [];
      }),
    );
    const named = { likes: 0, answers: 0 };
    for (const event of events) {
      const { collection, record } = opOf(event);
      if (record === null || (collection !== LIKE && collection !== POST)) continue;
      const path = collection === LIKE ? ["subject"] : ["reply", "parent"];
      const digest = posts.get(text(record, ...path, "uri"));
      if (digest === undefined) continue;
      expect(parseCidText(text(record, ...path, "cid"))?.digest).toEqual(digest);
      named[collection === LIKE ? "likes" : "answers"] += 1;
    }
    // Most posts that get likes were there before the load's first 45 seconds.
    expect(named.likes).toBeGreaterThan(3);
    expect(named.answers).toBeGreaterThan(500);
  });

  it("deletes what was there", () => {
    const made = new Set<string>();
    let found = 0;
    for (const event of events) {
      const { action, collection, rkey, prev } = opOf(event);
      const path = `${event.did}/${collection}/${rkey}`;
      if (action !== "delete") made.add(path);
      else if (prev !== null) {
        expect(made.delete(path)).toBe(true);
        found += 1;
      }
    }
    expect(found).toBeGreaterThan(900);
  });
});

describe("a mix", () => {
  it("is exact when its numbers have come, and begins anew", () => {
    const load = new PackLoad({ mix: { like: 2000, post: 300, follow: 301 } });
    const wanted = { [LIKE]: 2000, [POST]: 300, "app.bsky.graph.follow": 301 };
    for (const _round of [1, 2]) {
      const counts: Record<string, number> = {};
      for (const event of eventsOf(load, 2601)) {
        const { collection } = opOf(event);
        counts[collection] = (counts[collection] ?? 0) + 1;
      }
      expect(counts).toEqual(wanted);
    }
  });

  it("can be put aside for one kind", () => {
    const load = new PackLoad({ mix: { like: 1 } });
    load.event();
    expect(opOf(load.event("follow")).collection).toBe("app.bsky.graph.follow");
  });

  it("has one post that gets a share of all likes where that is wanted", () => {
    const load = new PackLoad({ mix: { like: 1 } });
    load.hotShare = 0.5;
    const uris = eventsOf(load, 4000).map((event) => text(opOf(event).record, "subject", "uri"));
    const most = Math.max(
      ...Map.groupBy(uris, (uri) => uri)
        .values()
        .map((group) => group.length),
    );
    expect(most).toBeGreaterThan(1900);
    expect(most).toBeLessThan(2150);
  });
});

describe("the network's inequality", () => {
  it("spreads likes over as many accounts and posts as there", { timeout: 120_000 }, () => {
    const load = new PackLoad();
    const likers = new Map<string, number>();
    const liked = new Map<string, number>();
    let likes = 0;
    for (const event of eventsOf(load, 150_000)) {
      const { collection, record } = opOf(event);
      if (collection !== LIKE || record === null) continue;
      likes += 1;
      likers.set(event.did, (likers.get(event.did) ?? 0) + 1);
      const uri =
        Buffer.from(record)
          .toString("latin1")
          .match(/at:\/\/[^/]*\/app\.bsky\.feed\.post\/.{13}/)?.[0] ?? "";
      liked.set(uri, (liked.get(uri) ?? 0) + 1);
    }
    // 99,000 likes are six minutes of the network.
    expect(likers.size / likes).toBeGreaterThan(0.35);
    expect(likers.size / likes).toBeLessThan(0.6);
    expect(likes / liked.size).toBeGreaterThan(1.5);
    expect(likes / liked.size).toBeLessThan(3);
    expect(Math.max(...liked.values()) / likes).toBeLessThan(0.03);
    expect(Math.max(...likers.values()) / likes).toBeLessThan(0.01);
  });
});

describe("packs", () => {
  it("hold all events of a portion, each lane's in order and numbered without gaps", () => {
    const load = new PackLoad();
    const packs = [...load.packs({ events: 1003, size: 100 }), ...load.packs({ events: 500, size: 50 })];
    expect(packs.reduce((sum, pack) => sum + pack.header.count, 0)).toBe(1503);
    const numbers = new Map<number, number>();
    for (const pack of packs) {
      const { lane, lanes, number } = pack.header;
      expect(number).toBe((numbers.get(lane) ?? 0) + 1);
      numbers.set(lane, number);
      const result = readPack(pack);
      if (!result.ok) throw new Error(result.reason);
      for (const { did } of result.events) expect(laneOf(did, lanes)).toBe(lane);
    }
    expect(load.seq).toBe(1503);
  });

  it("hold no more than they should", () => {
    const sizes = new PackLoad().packs({ events: 2000, size: 100 }).map(({ header }) => header.count);
    expect(Math.max(...sizes)).toBe(100);
  });
});

describe("samples", () => {
  it("name posts and likes that were made", () => {
    const load = new PackLoad();
    const made = new Set(
      eventsOf(load, 5000).map((event) => `at://${event.did}/${opOf(event).collection}/${opOf(event).rkey}`),
    );
    const sample = load.sampleMade(100);
    expect(sample.filter((uri) => made.has(uri))).toHaveLength(100);
    expect(sample.filter((uri) => uri.includes(POST))).toHaveLength(50);
  });
});
