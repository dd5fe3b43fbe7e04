// In: a world. Out: one round of posts of every kind: replies, quotes, embeds, languages, facets, odd texts and dates.
import { longText, ODD_TEXTS, oddDates } from "../words.ts";
import type { World } from "../world.ts";
import { applyWrites, putRecord, rkeyOf } from "../writes.ts";

const POST = "app.bsky.feed.post";

export async function postsOfEveryKind(world: World): Promise<void> {
  const author = world.anyone();
  const reader = world.other(author);
  const root = await world.post(author);
  const parent = await world.post(reader, { reply: { root, parent: root } });
  await world.post(author, { reply: { root, parent } });
  await world.post(reader, { embed: { $type: "app.bsky.embed.record", record: root } });
  const images = { $type: "app.bsky.embed.images", images: [{ alt: "", image: await world.uploadImage(author) }] };
  await world.post(author, { embed: images });
  await world.post(author, {
    embed: { $type: "app.bsky.embed.recordWithMedia", record: { record: parent }, media: images },
  });
  const external = {
    uri: "https://example.com/a?b=c#d",
    title: "A page",
    description: "",
    thumb: await world.uploadImage(reader),
  };
  await world.post(reader, { embed: { $type: "app.bsky.embed.external", external } });
  await world.post(author, { text: "two languages", langs: ["en", "de"] });
  await world.post(author, { text: "three", langs: ["ja", "en-GB", "zh-Hant-TW"], tags: ["one", "two"] });
  await world.post(reader, {
    langs: [],
    labels: { $type: "com.atproto.label.defs#selfLabels", values: [{ val: "graphic-media" }] },
  });
  await world.create(reader, { collection: POST, record: { text: "no language", createdAt: world.now() } });
  await postWithFacets(world);
  for (const text of ODD_TEXTS) await world.post(world.anyone(), { text }, false);
}

async function postWithFacets(world: World): Promise<void> {
  const author = world.anyone();
  const mentioned = world.other(author);
  const facet = (byteStart: number, byteEnd: number, feature: object) => ({
    index: { byteStart, byteEnd },
    features: [feature],
  });
  const facets = [
    facet(0, 5, { $type: "app.bsky.richtext.facet#mention", did: mentioned.did }),
    facet(6, 10, { $type: "app.bsky.richtext.facet#link", uri: "https://example.com/ü" }),
    facet(11, 15, { $type: "app.bsky.richtext.facet#tag", tag: "日本" }),
  ];
  await world.post(author, { text: "@them link #tag", facets });
}

/** createdAt in every textual form, on posts and on likes. */
export async function oddDatesEverywhere(world: World): Promise<void> {
  for (const [index, createdAt] of oddDates(Date.now()).entries()) {
    const account = world.anyone();
    if (index % 2 === 0) await world.post(account, { createdAt }, false);
    else await world.like(account, world.somePost(), { createdAt }, false);
  }
}

/** Posts that lack what their lexicon wants, or have it in another shape. */
export async function malformedPosts(world: World): Promise<void> {
  const createdAt = world.now();
  const records = [
    {},
    { createdAt },
    { text: 7, createdAt },
    { text: null, createdAt: null },
    { text: ["a"], createdAt: { a: 1 }, langs: "en" },
    { text: "reply without parent", createdAt, reply: { root: world.somePost() } },
    { text: "reply to nonsense", createdAt, reply: { root: { uri: "nonsense", cid: "nonsense" }, parent: 3 } },
    { text: "odd embed", createdAt, embed: { $type: "com.example.embed", anything: [[]] } },
    {
      text: "quote of nonsense",
      createdAt,
      embed: { $type: "app.bsky.embed.record", record: { uri: "at://", cid: "" } },
    },
    { text: "unknown fields", createdAt, "com.example.more": { deep: { deeper: [1, null, true] } }, via: "a client" },
    { text: "languages that are none", createdAt, langs: ["", "not a language", "x".repeat(300), 4] },
  ];
  for (const record of records) await world.create(world.anyone(), { collection: POST, record, validate: false });
}

/** Texts of 100 KB and of nearly a megabyte: as large as the PDS takes. */
export async function longPosts(world: World): Promise<void> {
  const account = world.anyone();
  for (const bytes of [100_000, 250_000, 990_000]) {
    const value = { $type: POST, text: longText(bytes), createdAt: world.now() };
    await applyWrites(world.network, account, [{ action: "create", collection: POST, value }]);
  }
}

export async function editedPosts(world: World): Promise<void> {
  const account = world.anyone();
  const ref = await world.post(account);
  const reader = world.other(account);
  await world.like(reader, ref);
  const rkey = rkeyOf(ref.uri);
  for (const text of ["edited once", "edited twice\u0000"]) {
    const record = { text, createdAt: world.now() };
    await putRecord(world.network, account, { collection: POST, rkey, record, validate: false });
  }
  await world.like(reader, ref);
}
