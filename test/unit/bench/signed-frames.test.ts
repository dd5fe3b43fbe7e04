import { Secp256k1Keypair } from "@atproto/crypto";
import { decodeAll } from "@atproto/lex-cbor";
import type { Cid } from "@atproto/lex-data";
import {
  def,
  getAndParseByDef,
  MemoryBlockstore,
  MST,
  parseDataKey,
  readCarWithRoot,
  verifyProofs,
} from "@atproto/repo";
import { beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../../../lib/core/cid.ts";
import { decodeMessage } from "../../../lib/core/decode-event.ts";
import { Random, Ranks } from "../../bench/load/signed/choice.ts";
import { Life } from "../../bench/load/signed/life.ts";
import { cidOfDigest, EPOCH_MICROS, tidAt } from "../../bench/load/signed/names.ts";
import { pastTree } from "../../bench/load/signed/past-tree.ts";
import { SignedRepo, type Write } from "../../bench/load/signed/signed-repo.ts";

const FRAMES = 400;

async function framesOf(seed: number, count: number): Promise<{ life: Life; frames: Uint8Array[] }> {
  const life = await Life.begin({ seed, accounts: 60, largestRepo: 3_000, strangers: 1_000 });
  const frames: Uint8Array[] = [];
  while (frames.length < count) frames.push(await life.next());
  return { life, frames };
}

interface Body {
  readonly seq: number;
  readonly repo: string;
  readonly rev: string;
  readonly since: string | null;
  readonly prevData: Cid;
  readonly blocks: Uint8Array;
  readonly ops: readonly { readonly action: string; readonly path: string; readonly cid: Cid | null }[];
}

/** As the library reads it. */
function bodyOf(frame: Uint8Array): Body {
  const [header, body] = [...decodeAll(frame)];
  expect(header).toEqual({ op: 1, t: "#commit" });
  return body as unknown as Body;
}

/** Where its commit block says that the tree is. */
async function treeAfter({ blocks }: Body): Promise<Cid> {
  const car = await readCarWithRoot(blocks);
  return (await getAndParseByDef(car.blocks, car.root, def.commit)).obj.data;
}

describe("the life of the load's accounts", () => {
  let life: Life;
  let frames: Uint8Array[] = [];
  beforeAll(async () => {
    ({ life, frames } = await framesOf(1, FRAMES));
  });

  it("is the same for the same seed, byte for byte, and another for another", async () => {
    const { frames: again } = await framesOf(1, 60);
    const { frames: other } = await framesOf(2, 60);
    expect(Buffer.concat(again).equals(Buffer.concat(frames.slice(0, 60)))).toBe(true);
    expect(Buffer.concat(other).equals(Buffer.concat(again))).toBe(false);
  });

  it("makes commits that our decoder takes without a fault", () => {
    for (const frame of frames) {
      const message = decodeMessage(frame, Date.now());
      if (message.kind !== "event" || message.event.kind !== "commit") throw new Error(JSON.stringify(message));
      expect(message.event.ops.filter(({ fault }) => fault !== null)).toEqual([]);
    }
  });

  it("chains each repo's revs and trees without a break", async () => {
    const heads = new Map<string, { rev: string; tree: string }>();
    for (const [index, frame] of frames.entries()) {
      const body = bodyOf(frame);
      const before = heads.get(body.repo);
      expect(body.seq).toBe(life.firstSeq + index);
      if (before !== undefined) expect({ rev: body.since, tree: String(body.prevData) }).toEqual(before);
      heads.set(body.repo, { rev: body.rev, tree: String(await treeAfter(body)) });
    }
    expect(heads.size).toBeGreaterThan(30);
  });

  it("signs each commit with the key of its account, and proves each op", async () => {
    const keys = new Map(life.seen().map(({ did, document }) => [did, keyOf(document)]));
    for (const { repo, ops, blocks } of frames.slice(0, 40).map(bodyOf)) {
      const claims = ops.map(({ path, cid }) => ({ ...parseDataKey(path), cid }));
      const { verified, unverified } = await verifyProofs(blocks, claims, repo, keys.get(repo) ?? "");
      expect(unverified).toEqual([]);
      expect(verified).toHaveLength(ops.length);
    }
  });

  it("has the network's mix", () => {
    const ops = frames.flatMap((frame) => bodyOf(frame).ops);
    const created = (collection: string): readonly unknown[] =>
      ops.filter(({ action, path }) => action === "create" && path.startsWith(`${collection}/`));
    const likes = created("app.bsky.feed.like");
    const posts = created("app.bsky.feed.post");
    expect(likes.length / frames.length).toBeGreaterThan(0.55);
    expect(likes.length / frames.length).toBeLessThan(0.7);
    expect(posts.length / frames.length).toBeGreaterThan(0.08);
    expect(frames.some((frame) => bodyOf(frame).ops.length > 1)).toBe(true);
    expect(ops.some(({ action }) => action === "delete")).toBe(true);
  });

  it("gives revs of the past, each record's key near its commit", () => {
    for (const { rev, ops } of frames.map(bodyOf)) {
      expect(rev > tidAt(EPOCH_MICROS, 0)).toBe(true);
      for (const { action, path } of ops) {
        if (action === "create") expect(path.slice(path.indexOf("/") + 1).slice(0, 6)).toBe(rev.slice(0, 6));
      }
    }
  });
});

describe("a signed repo", () => {
  it("sends every node that a commit makes: from its frames alone the whole tree can be read in the end", async () => {
    const random = new Random(5);
    const storage = new MemoryBlockstore();
    const paths = Array.from(
      { length: 300 },
      (_, index) => `app.bsky.feed.like/${tidAt(EPOCH_MICROS - 10 ** 9 + index * 977, 1)}`,
    );
    const tree = await pastTree({ paths, touched: paths.keys(), storage });
    const keypair = await Secp256k1Keypair.import(new Uint8Array(32).fill(7));
    const repo = new SignedRepo({
      did: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
      keypair,
      tree,
      rev: tidAt(EPOCH_MICROS, 1),
    });
    const expected = new Set(paths);
    let tip = await tree.getPointer();
    for (let count = 1; count <= 150; count += 1) {
      const path = [...expected][random.below(expected.size)] ?? "";
      const made = `app.bsky.feed.${random.pick(["like", "post", "repost"])}/${tidAt(EPOCH_MICROS + count * 500, 2)}`;
      const writes: Write[] = random.chance(0.5)
        ? [{ action: "delete", path }]
        : [{ action: "create", path: made, record: { $type: "app.bsky.feed.like", count } }];
      if (writes[0]?.action === "delete") expected.delete(path);
      else expected.add(made);
      const place = { seq: count, rev: tidAt(EPOCH_MICROS + count * 1000, 1), time: new Date().toISOString() };
      const { frame } = await repo.commit(writes, place);
      const body = bodyOf(frame);
      await storage.putMany((await readCarWithRoot(body.blocks)).blocks);
      tip = await treeAfter(body);
    }
    const leaves = await MST.load(storage, tip).leaves();
    expect(leaves.map(({ key }) => key)).toEqual([...expected].sort());
  });
});

describe("a tree of the past", () => {
  const paths = Array.from(
    { length: 2_000 },
    (_, index) => `app.bsky.feed.like/${tidAt(EPOCH_MICROS - 10 ** 10 + index * 7_919, 3)}`,
  );

  it("is the tree that the library makes by adding one record after another", async () => {
    const storage = new MemoryBlockstore();
    const some = paths.slice(0, 300);
    const tree = await pastTree({ paths: some, touched: some.keys(), storage });
    let wanted = await MST.create(new MemoryBlockstore());
    for (const path of some)
      wanted = await wanted.add(path, (await tree.get(path)) ?? cidOfDigest(digestOf(new Uint8Array())));
    expect(String(await tree.getPointer())).toBe(String(await wanted.getPointer()));
  });

  it("keeps only the nodes near what is touched, and finds that", async () => {
    const storage = new MemoryBlockstore();
    const tree = await pastTree({ paths, touched: [1_000], storage });
    expect(await tree.get(paths[1_000] ?? "")).not.toBeNull();
    expect(await tree.get(`${paths[1_000]}x`)).toBeNull();
    expect(storage.blocks.size).toBeLessThan(60);
    await expect(tree.get(paths[0] ?? "")).rejects.toThrow(/not found/);
  });
});

describe("Ranks", () => {
  it("picks the first far more often than the last, and none beyond", () => {
    const random = new Random(9);
    const ranks = new Ranks({ size: 100, exponent: 1 });
    const counts = new Array<number>(100).fill(0);
    for (let count = 0; count < 20_000; count += 1) {
      const rank = ranks.pick(random);
      counts[rank] = (counts[rank] ?? 0) + 1;
    }
    expect(counts).toHaveLength(100);
    expect(counts[0]).toBeGreaterThan(3_000);
    expect(counts[99]).toBeLessThan(120);
  });
});

function keyOf(document: unknown): string {
  const { verificationMethod } = document as { verificationMethod: readonly { publicKeyMultibase: string }[] };
  return `did:key:${verificationMethod[0]?.publicKeyMultibase}`;
}
