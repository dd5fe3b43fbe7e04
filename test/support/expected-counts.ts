/** Every counter, counted from the final CARs by code that shares nothing with ours: `@atproto/repo` and `@atcute/cbor`. */

import { decode } from "@atcute/cbor";
import { MemoryBlockstore, Repo, readCarWithRoot } from "@atproto/repo";
import type { Pool } from "pg";
import { recordedRepos } from "./expected-end.ts";

type Counts = Map<string, Record<string, number>>;

interface Ref {
  readonly uri?: unknown;
  readonly cid?: unknown;
}

interface AnyRecord {
  readonly $type?: unknown;
  readonly subject?: unknown;
  readonly text?: unknown;
  readonly createdAt?: unknown;
  readonly reply?: { readonly parent?: Ref };
  readonly embed?: { readonly $type?: unknown; readonly record?: Ref & { readonly record?: Ref } };
}

const TID = /^[2-7ab][2-7a-z]{12}$/;
const RECORD_URI = /^at:\/\/did:[a-z]+:[A-Za-z0-9._:%-]+\/[a-zA-Z0-9.-]+\/[A-Za-z0-9._~:-]{1,512}$/;
const DID = /^did:[a-z]+:[A-Za-z0-9._:%-]*[A-Za-z0-9._-]$/;
const RECORD_CID = /^bafyrei[a-z2-7]{52}$/;

/** A line for each URI (likes, reposts, replies, quotes) and each DID (followers, follows, posts), sorted; only what is not 0. */
export async function expectedCounts(): Promise<string[]> {
  const posts: Counts = new Map();
  const actors: Counts = new Map();
  for (const { did, car } of recordedRepos()) {
    const { root, blocks } = await readCarWithRoot(car);
    const repo = await Repo.load(new MemoryBlockstore(blocks), root);
    for (const { key, value } of await repo.data.list()) {
      const [collection = "", rkey = ""] = key.split("/");
      const bytes = blocks.get(value);
      const record = bytes === undefined ? undefined : tryDecode(bytes);
      if (record?.$type === collection && TID.test(rkey) && typeof record.createdAt === "string") {
        countRecord({ did, collection, record }, posts, actors);
      }
    }
  }
  return lines(posts, actors);
}

function countRecord(
  { did, collection, record }: { readonly did: string; readonly collection: string; readonly record: AnyRecord },
  posts: Counts,
  actors: Counts,
): void {
  switch (collection) {
    case "app.bsky.feed.like":
      add(posts, uriOf(record.subject), "likes");
      break;
    case "app.bsky.feed.repost":
      add(posts, uriOf(record.subject), "reposts");
      break;
    case "app.bsky.graph.follow":
      if (typeof record.subject === "string" && DID.test(record.subject)) {
        add(actors, record.subject, "followers");
        add(actors, did, "follows");
      }
      break;
    case "app.bsky.feed.post":
      if (typeof record.text === "string") {
        add(actors, did, "posts");
        add(posts, uriOf(record.reply?.parent), "replies");
        add(posts, uriOf(quoteOf(record)), "quotes");
      }
      break;
  }
}

function quoteOf({ embed }: AnyRecord): unknown {
  return embed?.$type === "app.bsky.embed.recordWithMedia"
    ? embed.record?.record
    : embed?.$type === "app.bsky.embed.record"
      ? embed.record
      : undefined;
}

function uriOf(ref: unknown): string | undefined {
  const { uri, cid } = (typeof ref === "object" && ref !== null ? ref : {}) as Ref;
  return typeof uri === "string" && RECORD_URI.test(uri) && typeof cid === "string" && RECORD_CID.test(cid)
    ? uri
    : undefined;
}

function add(counts: Counts, key: string | undefined, what: string): void {
  if (key !== undefined) {
    const entry = counts.get(key) ?? {};
    counts.set(key, { ...entry, [what]: (entry[what] ?? 0) + 1 });
  }
}

function tryDecode(bytes: Uint8Array): AnyRecord | undefined {
  try {
    return decode(bytes) as AnyRecord;
  } catch {
    return undefined;
  }
}

/** The same lines from the views. */
export async function storedCounts(pool: Pool): Promise<string[]> {
  const posts = await pool.query<{ uri: string }>("SELECT uri, likes, reposts, replies, quotes FROM post_counts");
  const actors = await pool.query<{ did: string }>("SELECT did, followers, follows, posts FROM actor_counts");
  return lines(
    new Map(posts.rows.map(({ uri, ...counts }) => [uri, counts])),
    new Map(actors.rows.map(({ did, ...counts }) => [did, counts])),
  );
}

function lines(...maps: readonly Counts[]): string[] {
  return maps.flatMap((map) => Array.from(map, ([key, counts]) => `${key} ${countsText(counts)}`)).toSorted();
}

function countsText(counts: Record<string, number>): string {
  const names = ["likes", "reposts", "replies", "quotes", "followers", "follows", "posts"];
  return names.flatMap((name) => ((counts[name] ?? 0) === 0 ? [] : [`${name}=${counts[name]}`])).join(" ");
}
