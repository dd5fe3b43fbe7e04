/** What is wrong with the content itself: the records on which public pipelines have been seen to break, in stretches of their own among the recorded events. */
import type { CborValue } from "../../../../lib/core/dag-cbor.ts";
import type { Random } from "../../../fuzz/mutate.ts";
import { didOf, type Fields, type MadeCommit, type MadeOp, madeTid } from "../made-commits.ts";
import { EVERY_MODE, type Fault } from "./fault.ts";

const POST = "app.bsky.feed.post";
const LIKE = "app.bsky.feed.like";
const REPOST = "app.bsky.feed.repost";
const CREATED_AT = "2026-11-22T00:00:00.000Z";
/** What a reference says that it points at: never looked up. */
const SOME_CID = "bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a";

export const CONTENT_FAULTS: readonly Fault[] = [
  {
    name: "a frame that nobody can ever read",
    modes: EVERY_MODE,
    isThereFromTheStart: true,
    strike({ relay, slice, random, allowed }) {
      const { seq } = slice.frames[random(slice.frames.length - 1)] ?? { seq: 0 };
      if (relay.poisonAfter.size > 0) return Promise.resolve();
      relay.poisonAfter.add(seq);
      allowed.letters.push("undecodable-frame");
      return Promise.resolve();
    },
  },
  content("NUL in texts and keys", nulls),
  content("huge records and record keys", huge),
  content("one URI many times in a batch", sameUri),
  content("likes, taken back, given again", likeUnlikeLike),
  content("dates that are none", badDates),
  content("a thousand unknown collections", unknownCollections),
  content("a hot post", hotPost),
];

function content(name: string, commits: (random: Random) => readonly MadeCommit[]): Fault {
  return { name, modes: EVERY_MODE, isThereFromTheStart: true, commits, strike: () => Promise.resolve() };
}

function nulls(): readonly MadeCommit[] {
  const texts = ["\u0000", "before\u0000after", "\\u0000", "\u0000".repeat(500)];
  return texts.flatMap((text, index) => [
    create("nul", { path: `${POST}/${madeTid(index)}`, record: post({ text, langs: [text], [`key ${text}`]: text }) }),
    create(`nul ${index}`, {
      path: "app.bsky.actor.profile/self",
      record: { $type: "app.bsky.actor.profile", displayName: text, description: text },
    }),
    create("nul", { path: `com.example.nul/${index}`, record: { $type: "com.example.nul", [text]: [text] } }),
  ]);
}

function huge(random: Random): readonly MadeCommit[] {
  const garbage = Array.from({ length: 200_000 }, () => String.fromCharCode(1 + random(0xd000))).join("");
  let nested: CborValue = garbage.slice(0, 100);
  for (let depth = 0; depth < 20; depth += 1) nested = [nested];
  const records: readonly Fields[] = [
    post({ text: garbage }),
    post({ text: "x".repeat(900_000), tags: Array.from({ length: 5_000 }, (_, index) => `tag ${index}`) }),
    post({ text: "deep", nested }),
  ];
  return [
    ...records.map((record, index) => create("huge", { path: `${POST}/${madeTid(index)}`, record })),
    create("huge", { path: `com.example.huge/${"k".repeat(512)}`, record: { $type: "com.example.huge", garbage } }),
    create("huge", { path: `${POST}/${"k".repeat(512)}`, record: post({ text: "a key of 512 characters" }) }),
  ];
}

/** Some of these are there at the end, and some are not. */
function sameUri(random: Random): readonly MadeCommit[] {
  return Array.from({ length: 120 }, (_, index): MadeCommit => {
    const path = `${POST}/${madeTid(random(3))}`;
    const op: MadeOp =
      random(3) === 0 ? { path } : { path, record: post({ text: `version ${index}` }), isUpdate: random(2) === 0 };
    return { account: "same", ops: [op] };
  });
}

function likeUnlikeLike(random: Random): readonly MadeCommit[] {
  return Array.from({ length: 150 }, (): MadeCommit => {
    const path = `${LIKE}/${madeTid(random(4))}`;
    const record = random(2) === 0 ? { record: like(`at://${didOf("liked")}/${POST}/${madeTid(random(2))}`) } : {};
    return { account: `liker ${random(5)}`, ops: [{ path, ...record }] };
  });
}

function badDates(): readonly MadeCommit[] {
  const dates: readonly CborValue[] = [
    "0000-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "+292277026596-12-04T15:30:07Z",
    "-000001-01-01T00:00:00Z",
    "2026-02-30T25:61:61Z",
    "2026-11-22 00:00",
    "2026-11-22T00:00:00.123456789123Z",
    "2026-11-22T00:00:00+23:59",
    "yesterday",
    "",
    0,
    null,
    [],
  ];
  return dates.flatMap((createdAt, index) => [
    create("dates", { path: `${POST}/${madeTid(index)}`, record: post({ createdAt }) }),
    create("dates", {
      path: `${LIKE}/${madeTid(index)}`,
      record: { ...like(`at://${didOf("liked")}/${POST}/${madeTid(index)}`), createdAt },
    }),
  ]);
}

function unknownCollections(random: Random): readonly MadeCommit[] {
  const salt = random(1_000_000);
  return Array.from({ length: 6 }, (_, commit) => ({
    account: `junk ${commit % 3}`,
    ops: Array.from({ length: 200 }, (_, index): MadeOp => {
      const collection = `com.example.junk${salt}.kind${commit * 200 + index}`;
      return { path: `${collection}/self`, record: { $type: collection, noise: random(1_000_000) } };
    }),
  }));
}

/** Half of the likes and reposts of it are taken back. */
function hotPost(random: Random): readonly MadeCommit[] {
  const uri = `at://${didOf("hot")}/${POST}/${madeTid(0)}`;
  const given = Array.from({ length: 150 }, (_, index) =>
    create(`fan ${index}`, { path: `${random(4) === 0 ? REPOST : LIKE}/${madeTid(index)}`, record: like(uri) }),
  );
  const taken = given.filter(() => random(2) === 0).map(({ account, ops }) => remove(account, ops[0]?.path ?? ""));
  return [create("hot", { path: `${POST}/${madeTid(0)}`, record: post({ text: "hot" }) }), ...given, ...taken];
}

function create(account: string, op: MadeOp): MadeCommit {
  return { account, ops: [op] };
}

function remove(account: string, path: string): MadeCommit {
  return { account, ops: [{ path }] };
}

function post(fields: Fields): Fields {
  return { $type: POST, text: "", createdAt: CREATED_AT, ...fields };
}

function like(uri: string): Fields {
  const subject = new Map<string, CborValue>([
    ["uri", uri],
    ["cid", SOME_CID],
  ]);
  return { $type: LIKE, subject, createdAt: CREATED_AT };
}
