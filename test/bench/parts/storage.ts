/** `storage`: bytes a like on disk, with everything that it makes necessary, beside the peer's for the same rows. */
import { join } from "node:path";
import type { Client } from "../../support/postgres-client.ts";
import { type BenchDatabase, openBenchDatabase, readNumber } from "../database.ts";
import { type Figure, formatNumber, type Part } from "../figure.ts";
import { BulkFill, FILLING } from "../load/bulk/bulk-fill.ts";
import { VIA_SHARE } from "../load/cheap/decisions.ts";
import { REFERENCES_A_POST } from "../load/cheap/posts.ts";
import { createConsumer } from "../load/drain.ts";
import { PackLoad } from "../load/packs.ts";
import { bytesPerRow, peerStorage } from "../peer-storage.ts";

const BUDGET_BYTES = 200;
const BATCH = 500;
const WORKERS = 2;

export const storage: Part = {
  name: "storage",
  about:
    "Bytes on disk after a load of likes, posts and follows, by `pg_relation_size`, nothing vacuumed or rebuilt: most of it filled by rows, the rest through consume().",
  async run({ quick, log }) {
    const thousands = quick ? { likes: 60, posts: 9, follows: 9 } : { likes: 2000, posts: 300, follows: 300 };
    const peerRows = quick ? 500 : 2000;
    log(`the peer: ${peerRows} posts, likes and follows`);
    const peer = await peerBytesALike(peerRows);
    const { likes, posts, follows } = thousands;
    const rows = { like: likes * 1000, post: posts * 1000, follow: follows * 1000 };
    log(`${likes},000 likes, ${posts},000 posts, ${follows},000 follows`);
    await using database = await openBenchDatabase(FILLING);
    const load = new PackLoad({ mix: rows });
    const filling = new BulkFill({ load, database, folder: join(database.folder, "copy") });
    await filling.fill((rows.like + rows.post + rows.follow) * FILLED_SHARE);
    await database.restart({ autovacuum: false });
    await settle(database.client);
    log("the rest through consume()");
    const measured = await fill(database, rows, load);
    return [...likeFigures(measured, peer), ...besideFigures(measured)];
  },
};

/** By rows, in the load's order into the tables with all their indexes: the same rows as consume() writes, in a fifth of the time. */
const FILLED_SHARE = 0.9;

/** Everything that the figures are made of. */
export interface StoredBytes {
  readonly rows: { readonly like: number; readonly post: number; readonly follow: number };
  /** Heap and indexes by name, bytes. */
  readonly like: ReadonlyMap<string, number>;
  readonly dictionaries: Dictionaries;
  readonly counters: number;
  readonly repos: number;
  readonly walAnEvent: number;
  readonly tombstone: number;
  readonly database: number;
}

/** Migrated and empty. */
type LoadedDatabase = Pick<BenchDatabase, "client" | "connectionString">;

interface Dictionaries {
  readonly actor: { readonly bytes: number; readonly rows: number };
  readonly subject: { readonly bytes: number; readonly rows: number };
  readonly repos: number;
}

/** What a row's first reader notes in it, and logs with its page, is nothing that an event costs; a checkpoint begins what is measured. */
async function settle(client: Client): Promise<void> {
  for (const table of [
    "like",
    "post",
    "follow",
    "actor",
    "subject",
    "repo",
    "account",
    "subject_count",
    "actor_count",
  ]) {
    await client.query(`SELECT count(*) FROM standpipe."${table}"`);
  }
  await client.query("CHECKPOINT");
}

/** Puts in what the load has not given yet of so many rows, then deletes a few of them, and measures on the way. */
export async function fill(
  database: LoadedDatabase,
  rows: StoredBytes["rows"],
  load = new PackLoad({ mix: rows }),
): Promise<StoredBytes> {
  const { client } = database;
  const events = rows.like + rows.post + rows.follow - load.seq;
  const from = await walPosition(client);
  await drain(database, load.source({ events, size: BATCH }));
  const walAnEvent = ((await walPosition(client)) - from) / events;
  const like = await relationBytes(client, "like");
  const dictionaries = {
    actor: await dictionary(client, "actor"),
    subject: await dictionary(client, "subject"),
    repos: await readNumber(client, "SELECT count(*) FROM standpipe.repo"),
  };
  const counters = sum(await relationBytes(client, "subject_count"));
  const repos = sum(await relationBytes(client, "repo"));
  const databaseBytes = await readNumber(client, "SELECT pg_database_size(current_database())");
  const deletes = Math.min(20_000, Math.round(rows.like / 10));
  const before = await tombstoneBytes(client);
  await drain(database, load.source({ events: deletes, size: BATCH, kind: "delete" }));
  const tombstone = ((await tombstoneBytes(client)) - before) / deletes;
  return { rows, like, dictionaries, counters, repos, walAnEvent, tombstone, database: databaseBytes };
}

async function drain(database: LoadedDatabase, source: ReturnType<PackLoad["source"]>): Promise<void> {
  await using consumer = createConsumer(database.connectionString, WORKERS);
  await consumer.drain(source);
}

function walPosition(client: Client): Promise<number> {
  return readNumber(client, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')");
}

/** The table's heap under its name, and each of its indexes under theirs. */
async function relationBytes(client: Client, table: string): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ name: string; bytes: string }>(
    `SELECT c.relname AS name, pg_relation_size(c.oid) AS bytes FROM pg_class AS c
     WHERE c.oid = $1::regclass OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = $1::regclass)
     ORDER BY c.relkind DESC, c.relname`,
    [`standpipe."${table}"`],
  );
  return new Map(rows.map(({ name, bytes }) => [name, Number(bytes)]));
}

async function dictionary(client: Client, table: string): Promise<Dictionaries["actor"]> {
  const rows = await readNumber(client, `SELECT count(*) FROM standpipe."${table}"`);
  return { bytes: sum(await relationBytes(client, table)), rows };
}

function tombstoneBytes(client: Client): Promise<number> {
  return readNumber(
    client,
    "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('standpipe.tombstone') WHERE isleaf",
  );
}

function sum(bytes: ReadonlyMap<string, number>): number {
  return bytes.values().reduce((total, one) => total + one, 0);
}

/** What of the two dictionaries likes have to answer for: of each the part of all references to it that comes from them. */
export function dictionaryShares({ rows, dictionaries: { actor, subject, repos } }: StoredBytes): {
  readonly actor: number;
  readonly subject: number;
  readonly note: { readonly actor: string; readonly subject: string };
} {
  const toSubjects = rows.like * (1 + VIA_SHARE);
  const ofSubjects = toSubjects / (toSubjects + rows.post * REFERENCES_A_POST);
  // A like names its author; each subject, and each row about a repo, names one account as well. Repos are there for all that their owners do.
  const ofRepos = rows.like / (rows.like + rows.post + rows.follow);
  const toActors = rows.like + subject.rows * ofSubjects + repos * ofRepos;
  const ofActors = toActors / (rows.like + rows.post + 2 * rows.follow + subject.rows + repos);
  return {
    subject: (subject.bytes * ofSubjects) / rows.like,
    actor: (actor.bytes * ofActors) / rows.like,
    note: {
      subject:
        `${formatNumber(subject.bytes)} B for ${formatNumber(subject.rows)} subjects × ${percent(ofSubjects)} of the references to them ` +
        `(a like makes ${1 + VIA_SHARE}: its post, and in 12 % of cases the repost that led there; a post ${formatNumber(REFERENCES_A_POST)}) ÷ ${formatNumber(rows.like)} likes.`,
      actor:
        `${formatNumber(actor.bytes)} B for ${formatNumber(actor.rows)} accounts × ${percent(ofActors)} of the references to them ` +
        `(one a like, a post, a subject and a row of \`repo\`, two a follow; to likes belong ${percent(ofSubjects)} of the subjects and ${percent(ofRepos)} of the repos) ÷ ${formatNumber(rows.like)} likes.`,
    },
  };
}

function percent(share: number): string {
  return `${formatNumber(share * 100)} %`;
}

function likeFigures(measured: StoredBytes, peer: PeerBytes): Figure[] {
  const { rows, like } = measured;
  const shares = dictionaryShares(measured);
  const own = [...like].map(([name, bytes], index) => ({
    part: "storage",
    name: index === 0 ? "of it the row" : `of it the index ${name}`,
    value: bytes / rows.like,
    unit: "B",
  }));
  const total = sum(like) / rows.like + shares.actor + shares.subject;
  return [
    {
      part: "storage",
      name: "a like, everything included",
      value: total,
      unit: "B",
      budget: { atMost: BUDGET_BYTES },
      peer: { name: "@atproto/bsky", value: peer.bytesALike },
      ratio: peer.bytesALike / total,
      note:
        `${formatNumber(rows.like)} likes, ${formatNumber(rows.post)} posts, ${formatNumber(rows.follow)} follows. The record can be given back byte for byte. ` +
        `The peer's: its tables \`like\` and \`record\` with all their indexes after ${formatNumber(peer.rows)} likes of the same generator, which fill their pages less evenly than millions would; ${formatNumber(peer.beside)} B a like more are its notifications and aggregates.`,
    },
    ...own,
    { part: "storage", name: "of it the share of `actor`", value: shares.actor, unit: "B", note: shares.note.actor },
    {
      part: "storage",
      name: "of it the share of `subject`",
      value: shares.subject,
      unit: "B",
      note: shares.note.subject,
    },
  ];
}

const MERGED = "Changes in place: nine tenths of the load came in merged by half million events, the rest by batches.";
const WAL =
  "From a checkpoint on, after which each page is logged whole at its first change: `growth` says how that goes on.";

function besideFigures({ rows, counters, repos, walAnEvent, tombstone, database }: StoredBytes): Figure[] {
  const events = rows.like + rows.post + rows.follow;
  return [
    { name: "beside it: counters of what is liked, a like", value: counters / rows.like, note: MERGED },
    { name: "beside it: what is known of repos, an event", value: repos / events, note: MERGED },
    { name: "beside it: a tombstone, kept four days", value: tombstone },
    {
      name: `WAL an event, the last ${Math.round((1 - FILLED_SHARE) * 100)} % of them, ${BATCH} a batch`,
      value: walAnEvent,
      note: WAL,
    },
    { name: "the whole database, an event", value: database / events },
  ].map((figure) => ({ part: "storage", unit: "B", ...figure }));
}

interface PeerBytes {
  readonly rows: number;
  readonly bytesALike: number;
  /** What it keeps beside them, a like. */
  readonly beside: number;
}

/** A like of the peer is a row in `like` and its JSON in `record`; ours is as whole as these two. */
const PEER_TABLES = ["like", "record"];

async function peerBytesALike(rows: number): Promise<PeerBytes> {
  const stored = await peerStorage({ rows });
  const others = Object.keys(stored.grown.like).filter((table) => !PEER_TABLES.includes(table));
  return {
    rows,
    bytesALike: bytesPerRow(stored, "like", PEER_TABLES),
    beside: bytesPerRow(stored, "like", others),
  };
}
