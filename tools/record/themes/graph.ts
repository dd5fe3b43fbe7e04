// In: a world. Out: one round of follows, blocks, lists, starter packs, gates, generators, labelers and verifications.
import type { World } from "../world.ts";
import { type Account, applyWrites, type Json, putRecord, type Ref, rkeyOf } from "../writes.ts";
import { NOBODYS_CID } from "./likes.ts";

export async function followsAndBlocks(world: World): Promise<void> {
  const account = world.anyone();
  const friend = world.other(account);
  const first = await world.follow(account, friend.did);
  await world.remove(account, first.uri);
  await world.follow(account, friend.did);
  await world.follow(account, "did:web:example.com");
  await world.follow(account, "did:plc:z72i7hdynmk6r22z27h6tvur");
  await world.follow(account, account.did);
  const createdAt = world.now();
  const twice = {
    action: "create",
    collection: "app.bsky.graph.follow",
    value: { $type: "app.bsky.graph.follow", subject: friend.did, createdAt },
  } as const;
  await applyWrites(world.network, account, [twice, twice]);
  for (const subject of ["not a did", "", 7, { did: friend.did }, `${friend.did}\u0000`]) {
    const record = { subject, createdAt };
    await world.create(account, { collection: "app.bsky.graph.follow", record, validate: false });
  }
  const block = await world.create(friend, {
    collection: "app.bsky.graph.block",
    record: { subject: account.did, createdAt },
  });
  await world.create(account, {
    collection: "app.bsky.graph.block",
    record: { subject: "did:web:example.com", createdAt },
  });
  await world.create(account, { collection: "app.bsky.graph.block", record: { createdAt }, validate: false });
  const undated = { subject: "did:web:undated.example.com" };
  await world.create(account, { collection: "app.bsky.graph.block", record: undated, validate: false });
  await world.create(account, { collection: "app.bsky.graph.follow", record: undated, validate: false });
  await world.remove(friend, block.uri);
}

export async function listsAndStarterPacks(world: World): Promise<void> {
  const account = world.anyone();
  const createdAt = world.now();
  const record = {
    purpose: "app.bsky.graph.defs#curatelist",
    name: "People of the river",
    description: "who they are",
    createdAt,
  };
  const list = await world.create(account, {
    collection: "app.bsky.graph.list",
    record: { ...record, avatar: await world.uploadImage(account) },
  });
  const muted = { ...record, purpose: "app.bsky.graph.defs#modlist", name: "Too loud" };
  const blocked = await world.create(account, { collection: "app.bsky.graph.list", record: muted });
  const items: Ref[] = [];
  for (const member of [world.other(account), world.other(account), world.other(account)]) {
    const item = { subject: member.did, list: list.uri, createdAt };
    items.push(await world.create(account, { collection: "app.bsky.graph.listitem", record: item }));
  }
  const reader = world.other(account);
  await world.create(reader, { collection: "app.bsky.graph.listblock", record: { subject: blocked.uri, createdAt } });
  await world.like(reader, list);
  const pack = { name: "Start here", list: list.uri, feeds: [], createdAt };
  const starter = await world.create(account, { collection: "app.bsky.graph.starterpack", record: pack });
  await world.follow(reader, account.did);
  await world.like(reader, starter);
  const rkey = rkeyOf(list.uri);
  await putRecord(world.network, account, {
    collection: "app.bsky.graph.list",
    rkey,
    record: { ...record, name: "People of the rain" },
  });
  await world.remove(account, items[0]?.uri ?? list.uri);
  await world.remove(account, blocked.uri);
  const malformed = { list: 3, createdAt: "sometime" };
  await world.create(account, { collection: "app.bsky.graph.listitem", record: malformed, validate: false });
}

export async function gates(world: World): Promise<void> {
  const account = world.anyone();
  const createdAt = world.now();
  const post = await world.post(account);
  const rkey = rkeyOf(post.uri);
  const gate = {
    post: post.uri,
    allow: [{ $type: "app.bsky.feed.threadgate#followingRule" }],
    hiddenReplies: [world.somePost().uri],
    createdAt,
  };
  await world.create(account, { collection: "app.bsky.feed.threadgate", rkey, record: gate });
  await putRecord(world.network, account, {
    collection: "app.bsky.feed.threadgate",
    rkey,
    record: { ...gate, allow: [] },
  });
  const rules = { post: post.uri, embeddingRules: [{ $type: "app.bsky.feed.postgate#disableRule" }], createdAt };
  await world.create(account, { collection: "app.bsky.feed.postgate", rkey, record: rules });
  const other = await world.post(account);
  const odd = { post: post.uri, createdAt };
  await world.create(account, {
    collection: "app.bsky.feed.threadgate",
    rkey: rkeyOf(other.uri),
    record: odd,
    validate: false,
  });
}

export async function servicesAndVerifications(world: World): Promise<void> {
  const account = world.anyone();
  const reader = world.other(account);
  const createdAt = world.now();
  const generator = {
    did: "did:web:feeds.example.com",
    displayName: "Rain only",
    description: "posts about rain",
    createdAt,
  };
  const rkey = `rain-${world.random.below(1_000_000)}`;
  const feed = await world.create(account, { collection: "app.bsky.feed.generator", rkey, record: generator });
  await world.like(reader, feed);
  await putRecord(world.network, account, {
    collection: "app.bsky.feed.generator",
    rkey,
    record: { ...generator, displayName: "Rain and snow" },
  });
  await putLabeler(world, account, ["spam", "!hide"]);
  await putLabeler(world, account, ["rain"]);
  const labeler = { uri: `at://${account.did}/app.bsky.labeler.service/self`, cid: NOBODYS_CID };
  await world.like(reader, labeler);
  const verification = { subject: reader.did, handle: reader.handle, displayName: "A reader", createdAt };
  const verified = await world.create(account, { collection: "app.bsky.graph.verification", record: verification });
  await world.create(account, {
    collection: "app.bsky.graph.verification",
    record: { ...verification, subject: account.did },
  });
  await world.remove(account, verified.uri);
}

async function putLabeler(world: World, account: Account, labelValues: readonly string[]): Promise<void> {
  const policies: Json = { labelValues, labelValueDefinitions: [] };
  const record = { policies, createdAt: world.now() };
  await putRecord(world.network, account, { collection: "app.bsky.labeler.service", rkey: "self", record });
}
