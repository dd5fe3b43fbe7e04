// In: a world. Out: one round of profiles, statuses and declarations, of site.standard, and of lexicons that nobody knows.
import type { World } from "../world.ts";
import { type Account, createUnchecked, type Json, putRecord, rkeyOf } from "../writes.ts";
import { NOBODYS_CID } from "./likes.ts";

export async function profiles(world: World): Promise<void> {
  const account = world.anyone();
  const collection = "app.bsky.actor.profile";
  const put = (record: Json, rkey = "self") =>
    putRecord(world.network, account, { collection, rkey, record, validate: false });
  await put({ displayName: "First", createdAt: world.now() });
  await put({ displayName: "Second 👩‍🚀", description: "a\u0000b", avatar: await world.uploadImage(account) });
  await put({
    displayName: "Third",
    description: "rain",
    pinnedPost: world.somePost(),
    website: "https://example.com",
    pronouns: "any",
  });
  await put({ displayName: "not self" }, "other");
  await put({ displayName: 12, avatar: "not a blob", labels: [] });
  await put({
    displayName: "Last",
    labels: { $type: "com.atproto.label.defs#selfLabels", values: [{ val: "!no-unauthenticated" }] },
  });
  await world.remove(account, `at://${account.did}/${collection}/other`);
}

export async function declarations(world: World): Promise<void> {
  const account = world.anyone();
  const createdAt = world.now();
  const external = { uri: "https://example.com/live", title: "Live", description: "now" };
  const records: Readonly<Record<string, Json>> = {
    "app.bsky.actor.status": {
      status: "app.bsky.actor.status#live",
      durationMinutes: 30,
      embed: { $type: "app.bsky.embed.external", external },
      createdAt,
    },
    "app.bsky.actor.contentVisibilityDeclaration": { hideFromAlgorithmicRecommendations: true },
    "app.bsky.notification.declaration": { allowSubscriptions: "followers" },
    "chat.bsky.actor.declaration": { allowIncoming: "all" },
    "com.germnetwork.declaration": { version: "1.1.0", currentKey: { $bytes: "AAECAwQF" } },
  };
  for (const [collection, record] of Object.entries(records)) {
    await putRecord(world.network, account, { collection, rkey: "self", record });
  }
  await putRecord(world.network, account, {
    collection: "chat.bsky.actor.declaration",
    rkey: "self",
    record: { allowIncoming: "none" },
  });
  await world.remove(account, `at://${account.did}/app.bsky.actor.status/self`);
  const schema = {
    lexicon: 1,
    id: "com.example.thing",
    defs: { main: { type: "record", key: "tid", record: { type: "object", properties: {} } } },
  };
  const { network } = world;
  await putRecord(network, account, {
    collection: "com.atproto.lexicon.schema",
    rkey: "com.example.thing",
    record: schema,
    validate: false,
  });
}

export async function standardSite(world: World): Promise<void> {
  const account = world.anyone();
  const reader = world.other(account);
  const createdAt = world.now();
  const publication = await world.create(account, {
    collection: "site.standard.publication",
    record: { name: "River notes", url: "https://example.com/river", icon: await world.uploadImage(account) },
  });
  const record = {
    site: publication.uri,
    path: "/one",
    title: "One",
    publishedAt: createdAt,
    tags: ["rain"],
    textContent: "It rains.",
  };
  const document = await world.create(account, { collection: "site.standard.document", record });
  const rkey = rkeyOf(document.uri);
  await putRecord(world.network, account, {
    collection: "site.standard.document",
    rkey,
    record: { ...record, title: "One again", updatedAt: createdAt },
  });
  await world.create(reader, {
    collection: "site.standard.graph.recommend",
    record: { document: document.uri, createdAt },
  });
  await world.create(reader, {
    collection: "site.standard.graph.subscription",
    record: { publication: publication.uri },
  });
  const rgb = { $type: "site.standard.theme.color#rgb", r: 0, g: 128, b: 255 };
  const theme = { accent: rgb, accentForeground: rgb, background: rgb, foreground: rgb };
  await world.create(account, { collection: "site.standard.theme.basic", record: theme, validate: false });
}

/** Values of every kind that the data model has, keys that are traps, and `$type`s that do not fit. */
export async function unknownLexicons(world: World): Promise<void> {
  const account = world.anyone();
  // Two levels each step: one record within the 32 that implementers are advised to take, and one far beyond.
  const nested = (steps: number) =>
    Array.from({ length: steps }).reduce<Json>((inner, _, depth) => ({ depth, inner: [inner] }), {});
  const records: readonly Json[] = [
    {},
    { $type: "com.example.thing", empty: [], object: {}, nothing: null, yes: true, no: false },
    { integers: [0, 1, -1, 23, 24, 255, 256, 65_536, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER] },
    {
      bytes: { $bytes: "AAECAwQF/w" },
      none: { $bytes: "" },
      link: { $link: NOBODYS_CID },
      links: [{ $link: NOBODYS_CID }],
    },
    { nested: nested(12) },
    { nested: nested(40) },
    { constructor: "c", toString: ["t"], hasOwnProperty: 1, prototype: {}, valueOf: null, "": "empty key" },
    { "key with space": 1, ключ: 2, "🔑": 3, "a\u0000b": "c\u0000d", "quote\"'": 4, z: 1, aa: 2, b: 3 },
    { many: Array.from({ length: 300 }, (_, index) => index), texts: ["", "é", "é", "\u{1F600}"] },
    { blob: await world.uploadImage(account), looksLikeBlob: { $type: "blob" }, $unknown: 1 },
  ];
  for (const record of records)
    await world.create(account, { collection: "com.example.thing", record, validate: false });
  await world.create(account, {
    collection: "fm.teal.alpha.feed.play",
    record: { trackName: "Rain", playedTime: world.now(), artists: [{ artistName: "River" }] },
  });
  await world.create(account, { collection: "app.bsky.feed.unheardOf", record: { createdAt: world.now() } });
  await world.create(account, { collection: "app.bsky.bookmark", record: { subject: world.somePost() } });
  await wrongTypes(world, account);
}

/** Written below the PDS's HTTP interface, which puts in a missing `$type` and refuses one of another collection, and `__proto__`. */
async function wrongTypes(world: World, account: Account): Promise<void> {
  const createdAt = world.now();
  const records: readonly [string, Json][] = [
    ["app.bsky.feed.post", { text: "no type", createdAt }],
    ["app.bsky.feed.like", { $type: "app.bsky.feed.repost", subject: world.somePost(), createdAt }],
    ["app.bsky.feed.post", { $type: "app.bsky.feed.like", text: "a post that says it is a like", createdAt }],
    ["app.bsky.graph.follow", { $type: "", subject: account.did, createdAt }],
    ["app.bsky.graph.follow", { $type: 5, subject: account.did, createdAt }],
    ["com.example.thing", { $type: "app.bsky.feed.post", text: "not a post", createdAt }],
    ["app.bsky.feed.repost", { subject: world.somePost(), createdAt }],
    [
      "com.example.thing",
      { $type: "com.example.thing", ["__proto__"]: { polluted: true }, nested: [{ ["__proto__"]: null }] },
    ],
  ];
  for (const [collection, record] of records) {
    await createUnchecked(world.network, account, { collection, rkey: chosenTid(world), record });
  }
  // An empty commit: a new rev and signature, no ops.
  await world.network.call("com.atproto.repo.applyWrites", {
    auth: account.auth,
    input: { repo: account.did, writes: [] },
  });
}

const TID_CHARACTERS = "234567abcdefghijklmnopqrstuvwxyz".split("");

/** A TID of the year 2026 that no clock gave: keys below the HTTP interface have to be chosen. */
function chosenTid(world: World): string {
  return `3n${Array.from({ length: 11 }, () => world.random.pick(TID_CHARACTERS)).join("")}`;
}

/** Record keys at the edge of what the protocol allows, and of other forms than the lexicon's. */
export async function oddKeys(world: World): Promise<void> {
  const account = world.anyone();
  const createdAt = world.now();
  const mark = world.random.below(1_000_000);
  const like = { subject: world.somePost(), createdAt };
  for (const rkey of [`abc${mark}`, `3JZFCIJPJ2Z2A${mark}`, `zzzzzzzzzzzz${mark % 10}`, `a.b-c_d~e:${mark}`]) {
    await world.create(account, { collection: "app.bsky.feed.like", rkey, record: like, validate: false });
  }
  // The least and the greatest TID, and one bit more, which is none.
  for (const rkey of ["2222222222222", "jzzzzzzzzzzzz", "kzzzzzzzzzzzz"]) {
    for (const [collection, record] of [
      ["app.bsky.feed.like", like],
      ["app.bsky.feed.post", { text: rkey, createdAt }],
    ] as const) {
      await putRecord(world.network, account, { collection, rkey, record, validate: false });
    }
  }
  const post = { text: "an odd key", createdAt };
  for (const rkey of [
    `~:_-.${mark}`,
    "x".repeat(506) + String(mark).padStart(6, "0"),
    `pre:fix${mark}`,
    `${mark}`,
    "-",
    "_",
    "~",
    ":",
    "...",
  ]) {
    // put, not create: the short keys come in every round, and an account may have them already.
    await putRecord(world.network, account, { collection: "app.bsky.feed.post", rkey, record: post, validate: false });
  }
  await world.create(account, {
    collection: "app.bsky.graph.follow",
    rkey: `self${mark}`,
    record: { subject: account.did, createdAt },
    validate: false,
  });
}
