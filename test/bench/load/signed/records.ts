/** Bodies of records as clients write them: in a source of choices, out plain values that the signing library encodes. */
import { lengthOf, type Random } from "./choice.ts";
import { blobCid, tidAt, unseenCid } from "./names.ts";
import type { Text, Writer } from "./texts.ts";

export interface StrongRef {
  readonly uri: string;
  readonly cid: string;
}

/** What a record of this load may hold; CIDs stand as the library's own objects. */
export type Body = { $type: string; createdAt: string } & Record<string, unknown>;

/** Where a record's choices come from. */
export interface Scene {
  readonly random: Random;
  readonly writer: Writer;
  /** What the record says of its own time: the client's clock, to the millisecond. */
  readonly createdAt: string;
  /** Somebody else. */
  stranger(): string;
  /** A post, hot ones more often. */
  post(): StrongRef;
}

/** Share of likes and reposts that name the repost through which their post was found. */
const VIA_SHARE = 0.12;

/** A like or repost of a post. */
export function reference(collection: "app.bsky.feed.like" | "app.bsky.feed.repost", scene: Scene): Body {
  const subject = scene.post();
  const via = scene.random.chance(VIA_SHARE) ? { via: repostOf(scene) } : {};
  return { $type: collection, subject, createdAt: scene.createdAt, ...via };
}

function repostOf({ random, stranger, createdAt }: Scene): StrongRef {
  const micros = Date.parse(createdAt) * 1000 - random.below(7_200_000_000);
  const uri = `at://${stranger()}/app.bsky.feed.repost/${tidAt(micros, random.below(1024))}`;
  return { uri, cid: unseenCid(random).toString() };
}

/** A follow or block of an account. */
export function edge(collection: "app.bsky.graph.follow" | "app.bsky.graph.block", scene: Scene): Body {
  return { $type: collection, subject: scene.stranger(), createdAt: scene.createdAt };
}

export function listItem(scene: Scene, list: string): Body {
  return { $type: "app.bsky.graph.listitem", subject: scene.stranger(), list, createdAt: scene.createdAt };
}

export function threadgate(scene: Scene, post: string): Body {
  const allow = scene.random.chance(0.5) ? [] : [{ $type: "app.bsky.feed.threadgate#followingRule" }];
  return { $type: "app.bsky.feed.threadgate", post, allow, createdAt: scene.createdAt, hiddenReplies: [] };
}

export function profile(scene: Scene): Body {
  const { random, writer, createdAt } = scene;
  return {
    $type: "app.bsky.actor.profile",
    displayName: writer.text(random, 8 + random.below(20)).text,
    description: writer.text(random, 20 + random.below(200)).text,
    avatar: blob(random),
    ...(random.chance(0.6) && { banner: blob(random) }),
    createdAt,
  };
}

/** Of a collection that the consumer has no table for. */
export function foreign(collection: string, { random, writer, createdAt }: Scene): Body {
  return {
    $type: collection,
    title: writer.text(random, 20 + random.below(60)).text,
    tags: Array.from({ length: random.below(4) }, () => writer.word(random)),
    size: random.below(100_000),
    isPublic: random.chance(0.5),
    createdAt,
  };
}

export function post(scene: Scene): Body {
  const { random, writer, createdAt } = scene;
  const { text, facets, language } = withFacets(writer.post(random), scene);
  return {
    $type: "app.bsky.feed.post",
    text,
    langs: [language],
    createdAt,
    ...(facets.length > 0 && { facets }),
    ...(random.chance(0.45) && { reply: reply(scene) }),
    ...(random.chance(0.4) && { embed: embed(scene) }),
  };
}

function reply(scene: Scene): { root: StrongRef; parent: StrongRef } {
  const root = scene.post();
  return { root, parent: scene.random.chance(0.5) ? root : scene.post() };
}

interface Facet {
  readonly index: { readonly byteStart: number; readonly byteEnd: number };
  readonly features: readonly Record<string, string>[];
}

/** Some posts end in tags, a link or somebody's name, marked by the offsets of their UTF-8 bytes. */
function withFacets(written: Text, scene: Scene): Text & { facets: Facet[] } {
  const { random, writer } = scene;
  const facets: Facet[] = [];
  let { text } = written;
  const count = random.chance(0.2) ? 1 + random.below(3) : 0;
  for (let index = 0; index < count && text.length < 260; index += 1) {
    const { shown, feature } = facet(random, writer, scene);
    const byteStart = Buffer.byteLength(`${text} `);
    text = `${text} ${shown}`;
    facets.push({ index: { byteStart, byteEnd: byteStart + Buffer.byteLength(shown) }, features: [feature] });
  }
  return { ...written, text, facets };
}

function facet(random: Random, writer: Writer, scene: Scene): { shown: string; feature: Record<string, string> } {
  const word = writer.word(random);
  switch (random.weighted({ tag: 5, link: 3, mention: 2 })) {
    case "tag":
      return { shown: `#${word}`, feature: { $type: "app.bsky.richtext.facet#tag", tag: word } };
    case "link": {
      const uri = `https://${word}.example/${writer.word(random)}/${random.below(1e9)}`;
      return { shown: `${word}.example/…`, feature: { $type: "app.bsky.richtext.facet#link", uri } };
    }
    case "mention":
      return {
        shown: `@${word}.example`,
        feature: { $type: "app.bsky.richtext.facet#mention", did: scene.stranger() },
      };
  }
}

function embed(scene: Scene): Record<string, unknown> {
  const { random, writer } = scene;
  switch (random.weighted({ images: 40, external: 32, record: 18, video: 10 })) {
    case "images":
      return { $type: "app.bsky.embed.images", images: images(scene) };
    case "external": {
      const description = writer.text(random, lengthOf(random, { median: 110, sigma: 0.6, atMost: 280 })).text;
      const uri = `https://${writer.word(random)}.example/${random.below(1e9)}/${writer.word(random)}-${writer.word(random)}`;
      const title = writer.text(random, 30 + random.below(60)).text;
      return { $type: "app.bsky.embed.external", external: { uri, title, description, thumb: blob(random) } };
    }
    case "record":
      return { $type: "app.bsky.embed.record", record: scene.post() };
    case "video":
      return { $type: "app.bsky.embed.video", video: blob(random, "video/mp4"), aspectRatio: aspectRatio(random) };
  }
}

function images({ random, writer }: Scene): Record<string, unknown>[] {
  return Array.from({ length: random.chance(0.7) ? 1 : 2 + random.below(3) }, () => ({
    alt: random.chance(0.35) ? writer.text(random, 20 + random.below(200)).text : "",
    image: blob(random),
    aspectRatio: aspectRatio(random),
  }));
}

function aspectRatio(random: Random): { width: number; height: number } {
  return { width: 600 + random.below(1_400), height: 600 + random.below(1_400) };
}

function blob(random: Random, mimeType = "image/jpeg"): Record<string, unknown> {
  return { $type: "blob", ref: blobCid(random), mimeType, size: 20_000 + random.below(900_000) };
}
