// In: a world. Out: one round of commits with many ops, and of the same paths created and deleted in commits that follow each other.
import type { World } from "../world.ts";
import { applyWrites, type Json, rkeyOf, type Write } from "../writes.ts";

const LIKE = "app.bsky.feed.like";
const POST = "app.bsky.feed.post";
const ITEM = "app.bsky.graph.listitem";

/** Creates, updates and deletes of several collections in one commit. */
export async function mixedCommits(world: World): Promise<void> {
  const account = world.anyone();
  const value = (record: Json, $type: string) => ({ $type, createdAt: world.now(), ...record });
  const creates: Write[] = Array.from({ length: 12 }, (_, index) =>
    index % 3 === 0
      ? { action: "create", collection: POST, value: value({ text: `part ${index}` }, POST) }
      : { action: "create", collection: LIKE, value: value({ subject: world.somePost() }, LIKE) },
  );
  const refs = await applyWrites(world.network, account, creates);
  const rkeys = refs.map((ref) => rkeyOf(ref.uri));
  const changes = rkeys.slice(0, 9).map((rkey, index): Write => {
    const collection = index % 3 === 0 ? POST : LIKE;
    if (index < 5) return { action: "delete", collection, rkey };
    const record = collection === POST ? { text: "changed" } : { subject: world.somePost() };
    return { action: "update", collection, rkey, value: value(record, collection) };
  });
  const more: Write = {
    action: "create",
    collection: "com.example.thing",
    value: value({ n: 1 }, "com.example.thing"),
  };
  await applyWrites(world.network, account, [...changes, more]);
  // A record that moves: gone under one key and there under another, with the same bytes and CID.
  const stays = { $type: POST, text: "the same words", createdAt: world.now() };
  const [ref] = await applyWrites(world.network, account, [{ action: "create", collection: POST, value: stays }]);
  if (ref === undefined) return;
  await applyWrites(world.network, account, [
    { action: "delete", collection: POST, rkey: rkeyOf(ref.uri) },
    { action: "create", collection: POST, value: stays },
  ]);
}

/** One path: created, deleted, created again, updated, deleted, created; each in a commit of its own. */
export async function samePathAgain(world: World): Promise<void> {
  const account = world.anyone();
  const rkey = rkeyOf((await world.post(account)).uri);
  const write = (action: Write["action"], text = ""): Write =>
    action === "delete"
      ? { action, collection: POST, rkey }
      : { action, collection: POST, rkey, value: { $type: POST, text, createdAt: world.now() } };
  const story = [
    write("delete"),
    write("create", "again"),
    write("update", "and changed"),
    write("delete"),
    write("create", "at last"),
  ];
  for (const step of story) await applyWrites(world.network, account, [step]);
}

/** The most ops that a commit may have (200): all creates, then a mix. */
export async function fullCommits(world: World): Promise<void> {
  const account = world.anyone();
  const record = { purpose: "app.bsky.graph.defs#modlist", name: "Two hundred", createdAt: world.now() };
  const list = await world.create(account, { collection: "app.bsky.graph.list", record });
  const value = (index: number) => ({
    $type: ITEM,
    subject: `did:web:member-${index}.example.com`,
    list: list.uri,
    createdAt: world.now(),
  });
  const creates = Array.from(
    { length: 200 },
    (_, index): Write => ({ action: "create", collection: ITEM, value: value(index) }),
  );
  const refs = await applyWrites(world.network, account, creates);
  const changes = refs.map(({ uri }, index): Write => {
    const rkey = rkeyOf(uri);
    if (index % 2 === 0) return { action: "delete", collection: ITEM, rkey };
    if (index % 4 === 1) return { action: "update", collection: ITEM, rkey, value: value(index + 1000) };
    return { action: "create", collection: ITEM, value: value(index + 2000) };
  });
  await applyWrites(world.network, account, changes);
}

/** Every record of an account's collection goes, one collection after the other, as the app's settings page does it. */
export async function spotless(world: World): Promise<void> {
  const account = await world.join();
  const createdAt = world.now();
  const samples: Readonly<Record<string, Json>> = {
    [POST]: { text: "soon gone" },
    [LIKE]: { subject: world.somePost() },
    "app.bsky.feed.repost": { subject: world.somePost() },
    "app.bsky.feed.threadgate": { post: world.somePost().uri },
    "app.bsky.feed.postgate": { post: world.somePost().uri },
    "app.bsky.feed.generator": { did: "did:web:example.com", displayName: "gone" },
    "app.bsky.graph.follow": { subject: world.anyone().did },
    "app.bsky.graph.block": { subject: world.anyone().did },
    "app.bsky.graph.list": { purpose: "app.bsky.graph.defs#curatelist", name: "gone" },
    [ITEM]: { subject: world.anyone().did, list: "at://did:web:example.com/app.bsky.graph.list/3jzfcijpj2z2a" },
    "app.bsky.graph.listblock": { subject: "at://did:web:example.com/app.bsky.graph.list/3jzfcijpj2z2a" },
    "app.bsky.graph.starterpack": { name: "gone", list: "at://did:web:example.com/app.bsky.graph.list/3jzfcijpj2z2a" },
    "app.bsky.graph.verification": { subject: world.anyone().did, handle: "gone.test", displayName: "gone" },
    "app.bsky.labeler.service": { policies: { labelValues: [] } },
    "app.bsky.actor.profile": { displayName: "gone" },
    "app.bsky.actor.status": { status: "app.bsky.actor.status#live" },
    "app.bsky.notification.declaration": { allowSubscriptions: "none" },
    "chat.bsky.actor.declaration": { allowIncoming: "none" },
    "site.standard.publication": { name: "gone", url: "https://example.com" },
    "site.standard.document": { title: "gone", site: "https://example.com", publishedAt: createdAt },
    "site.standard.graph.recommend": { document: "at://did:web:example.com/site.standard.document/3jzfcijpj2z2a" },
    "site.standard.graph.subscription": {
      publication: "at://did:web:example.com/site.standard.publication/3jzfcijpj2z2a",
    },
    "site.standard.theme.basic": {},
    "app.bsky.actor.contentVisibilityDeclaration": { hideFromAlgorithmicRecommendations: false },
    "com.germnetwork.declaration": { version: "1.1.0", currentKey: { $bytes: "AAEC" } },
    "com.atproto.lexicon.schema": { lexicon: 1, id: "com.example.gone", defs: {} },
    "com.example.thing": { gone: true },
  };
  const creates = Object.entries(samples).map(([collection, record]): Write => {
    return { action: "create", collection, value: { $type: collection, createdAt, ...record } };
  });
  const refs = await applyWrites(world.network, account, creates);
  for (const { uri } of refs) await world.remove(account, uri);
}
