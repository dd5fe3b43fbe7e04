/**
 * `node bsky-storage.ts DATABASE_URL ROWS`: so many posts, likes and follows of the second generator into the database by
 * `@atproto/bsky`'s `IndexingService` as it is, kind after kind. Prints one JSON line: by kind and table the bytes that it has grown by.
 */
import { createHash } from "node:crypto";
import { cborToLexRecord } from "@atproto/repo";
import { AtUri } from "@atproto/syntax";
import { cidText } from "../../../lib/core/cid.ts";
import { PackLoad } from "../load/packs.ts";
import { createSubscription, openDatabase } from "./bsky-service.ts";

const [databaseUrl = "", rows = ""] = process.argv.slice(2);
/** In hand at a time; the pool has fewer connections. */
const AT_A_TIME = 40;

type Kind = "post" | "like" | "follow";
type Sizes = Map<string, { readonly table: number; readonly indexes: number }>;

const database = await openDatabase(databaseUrl);
const subscription = createSubscription({ service: "ws://127.0.0.1:1", database });
const load = new PackLoad();
const grown: Record<string, unknown> = {};
for (const kind of ["post", "like", "follow"] as const) {
  const before = await sizes();
  let rest = Number(rows);
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      while (rest > 0) {
        rest -= 1;
        await index(kind);
      }
    }),
  );
  await subscription.background.processAll();
  grown[kind] = difference(await sizes(), before);
}
console.log(JSON.stringify({ rows: Number(rows), grown }));
await subscription.destroy();
await database.close();

async function index(kind: Kind): Promise<void> {
  const { did, timeMs, ops } = load.event(kind);
  const [op] = ops;
  if (!op?.record) throw new Error("the generator gave no record");
  const uri = AtUri.make(did, op.collection, op.rkey);
  const cid = cidText(createHash("sha256").update(op.record).digest());
  const time = new Date(timeMs ?? 0).toISOString();
  await subscription.indexingSvc.indexRecord(uri, { toString: () => cid }, cborToLexRecord(op.record), "create", time);
}

/** Of every table: its rows (with what is too long for a row) and its indexes; without the maps of free space, as ours are measured. */
async function sizes(): Promise<Sizes> {
  const { rows } = await database.pool.query(
    `SELECT relname AS name, (pg_relation_size(oid) + CASE WHEN reltoastrelid = 0 THEN 0 ELSE pg_relation_size(reltoastrelid) END)::int8 AS table, pg_indexes_size(oid)::int8 AS indexes
     FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  );
  return new Map(rows.map(({ name, table, indexes }) => [name, { table: Number(table), indexes: Number(indexes) }]));
}

function difference(after: Sizes, before: Sizes): Record<string, { table: number; indexes: number }> {
  const entries = [...after].map(([name, { table, indexes }]) => {
    const earlier = before.get(name) ?? { table: 0, indexes: 0 };
    return [name, { table: table - earlier.table, indexes: indexes - earlier.indexes }] as const;
  });
  return Object.fromEntries(entries.filter(([, { table, indexes }]) => table + indexes > 0));
}
