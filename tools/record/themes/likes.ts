// In: a world. Out: one round of likes and reposts of every kind of subject, ordinary and odd.
import type { World } from "../world.ts";
import { applyWrites, putRecord, type Ref, rkeyOf } from "../writes.ts";

const LIKE = "app.bsky.feed.like";
const REPOST = "app.bsky.feed.repost";
/** A CID that is well formed and of nothing. */
export const NOBODYS_CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a";

const ELSEWHERE: readonly Ref[] = [
  { uri: "at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.post/3jzfcijpj2z2a", cid: NOBODYS_CID },
  { uri: "at://did:web:example.com/app.bsky.feed.post/3jzfcijpj2z2a", cid: NOBODYS_CID },
  { uri: "at://did:web:localhost%3A8080/app.bsky.feed.post/3jzfcijpj2z2b", cid: NOBODYS_CID },
  { uri: "at://did:plc:z72i7hdynmk6r22z27h6tvur/com.example.thing/self", cid: NOBODYS_CID },
];

export async function likesAndRepostsViaOthers(world: World): Promise<void> {
  const author = world.anyone();
  const sharer = world.other(author);
  const reader = world.other(sharer);
  const post = await world.post(author);
  const via = await world.repost(sharer, post);
  await world.like(reader, post, { via });
  await world.repost(reader, post, { via });
  await world.like(sharer, via);
  // The PDS's own rule takes back the older like in the same commit as the new one.
  await world.like(reader, post);
  await world.remove(sharer, via.uri);
}

export async function likesOfWhatIsNotHere(world: World): Promise<void> {
  const account = world.anyone();
  for (const subject of ELSEWHERE) await world.like(account, subject);
  await world.repost(account, world.random.pick(ELSEWHERE));
  const missing = { uri: `at://${world.other(account).did}/app.bsky.feed.post/3zzzzzzzzzz2a`, cid: NOBODYS_CID };
  await world.like(account, missing);
  const short = await world.post(world.other(account));
  await world.like(account, short);
  await world.remove(world.active.find((candidate) => world.isOwn(candidate, short)) ?? account, short.uri);
  await world.like(world.other(account), short);
  // The same post in another version.
  await world.like(account, { uri: world.somePost().uri, cid: NOBODYS_CID });
}

/** Like, unlike, like again; and, written at once, three likes of one post by one account. */
export async function repeatedLikes(world: World): Promise<void> {
  const author = world.anyone();
  const account = world.other(author);
  const post = await world.post(author);
  const first = await world.like(account, post);
  await world.remove(account, first.uri);
  await world.like(account, post);
  const value = { $type: LIKE, subject: post, createdAt: world.now() };
  const again = { action: "create", collection: LIKE, value } as const;
  const [one] = await applyWrites(world.network, account, [again, again, again]);
  if (one !== undefined) await world.remove(account, one.uri);
  const repost = { action: "create", collection: REPOST, value: { ...value, $type: REPOST } } as const;
  await applyWrites(world.network, account, [repost, repost]);
}

export async function malformedLikes(world: World): Promise<void> {
  const { uri, cid } = world.somePost();
  const subjects: readonly unknown[] = [
    { uri },
    { cid },
    {},
    uri,
    null,
    { uri, cid: "not a cid" },
    { uri, cid: { $link: cid } },
    { uri: "https://example.com/", cid },
    { uri: uri.slice("at://".length), cid },
    { uri: `${uri}#fragment`, cid },
    { uri: uri.split("/").slice(0, 3).join("/"), cid },
    { uri: "at://handle.example/app.bsky.feed.post/3jzfcijpj2z2a", cid },
    { uri: `at://did:plc:z72i7hdynmk6r22z27h6tvur/app.bsky.feed.post/${"k".repeat(512)}`, cid },
    { uri: `${uri}\u0000`, cid },
    { uri, cid, $type: "com.atproto.repo.strongRef" },
    { uri, cid, validationStatus: "valid" },
  ];
  for (const subject of subjects) {
    const record = { subject, createdAt: world.now() };
    await world.create(world.anyone(), { collection: LIKE, record, validate: false });
  }
  const bare = { createdAt: world.now() };
  await world.create(world.anyone(), { collection: LIKE, record: bare, validate: false });
  await world.create(world.anyone(), { collection: REPOST, record: bare, validate: false });
  const undated = { subject: { uri, cid } };
  await world.create(world.anyone(), { collection: LIKE, record: undated, validate: false });
  await world.create(world.anyone(), { collection: REPOST, record: undated, validate: false });
  await world.like(world.anyone(), { uri, cid }, { via: "not a reference", unknown: [1, { a: null }] }, false);
  await world.like(world.anyone(), { uri, cid }, { via: { uri, cid, extra: true } }, false);
}

/** Records whose subject changes under the same key. */
export async function editedLikes(world: World): Promise<void> {
  const account = world.anyone();
  for (const collection of [LIKE, REPOST]) {
    const record = { subject: world.somePost(), createdAt: world.now() };
    const ref = await world.create(account, { collection, record });
    await putRecord(world.network, account, {
      collection,
      rkey: rkeyOf(ref.uri),
      record: { ...record, subject: world.somePost() },
    });
  }
  for (const collection of ["app.bsky.graph.follow", "app.bsky.graph.block"]) {
    const record = { subject: world.other(account).did, createdAt: world.now() };
    const ref = await world.create(account, { collection, record });
    const changed = { ...record, subject: "did:web:changed.example.com" };
    await putRecord(world.network, account, { collection, rkey: rkeyOf(ref.uri), record: changed });
  }
}
