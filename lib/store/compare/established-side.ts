/** A database with the tables of PublicAppView (Aurora Prism) as one side of a comparison. */
import { escapeIdentifier } from "pg";
import { parseAtUri } from "../../core/syntax.ts";
import { type EstablishedTable, KINDS, type Kind } from "./kinds.ts";
import { type ComparedRecord, type CompareWindow, keyTimeMs, windowKeys } from "./record.ts";
import type { ReadSession } from "./session.ts";
import {
  type Absence,
  ACCOUNTS_A_POINT,
  type CountOptions,
  type KindCount,
  type RecordsOptions,
  type Side,
} from "./side.ts";

/** As in a database of ours. */
const NEAR_ACCOUNTS = 20;
/** The newest posts: the middle one of their keys says how far the database has come, whatever single keys say. */
const NEWEST_POSTS = 200;
/** Of these kinds an account that has any in the window is there to be compared. */
const SIGNS_OF_LIFE = ["likes", "posts", "reposts", "follows"];

/** Those of its tables that are there, by name, each with its columns. */
export type EstablishedColumns = ReadonlyMap<string, ReadonlySet<string>>;

interface Place {
  readonly session: ReadSession;
  readonly schema: string;
  readonly columns: EstablishedColumns;
}

/** Rejects with CompareError. */
export async function openEstablishedSide(place: Place): Promise<Side> {
  return {
    form: "established",
    begunMs: null,
    positionMs: await readPosition(place),
    keeps: (kind) => tableOf(place, kind) !== null,
    count: (kind, options) => count(place, kind, options),
    accounts: (points, window) => accounts(place, points, window),
    records: (kind, options) => records(place, kind, options),
    find: (kind, uris) => find(place, kind, uris),
    explain: (kind, missing) => findOthers(place, kind, missing),
  };
}

/** The tables of a schema that established workers write, with their columns; none where there are none. */
export async function establishedColumns(session: ReadSession, schema: string): Promise<EstablishedColumns> {
  const rows = await session.rows<{ name: string; columns: string[] }>(
    `SELECT c.relname AS name, array_agg(a.attname::text) AS columns
     FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') GROUP BY 1`,
    [schema],
  );
  return new Map(rows.map(({ name, columns }) => [name, new Set(columns)]));
}

/** Whether these are the tables of an established AppView: ours have other names, and a view is no table. */
export function isEstablished(columns: EstablishedColumns): boolean {
  return columns.get("likes")?.has("user_did") === true && columns.get("posts")?.has("author_did") === true;
}

/** Null where this database has no such table, or an older form of it. */
function tableOf({ columns }: Place, { established }: Kind): EstablishedTable | null {
  if (established === null) return null;
  const there = columns.get(established.table);
  const needed = [established.key, ...Object.values(established.columns)];
  return there !== undefined && needed.every((name) => there.has(name)) ? established : null;
}

function nameOf({ schema }: Place, { table }: EstablishedTable): string {
  return `${escapeIdentifier(schema)}.${escapeIdentifier(table)}`;
}

/** By its cursor, where its ingester keeps one in Postgres, and by what it wrote last; the later one. */
async function readPosition(place: Place): Promise<number | null> {
  const { session, schema, columns } = place;
  const times: number[] = [];
  if (columns.get("firehose_cursor")?.has("last_event_time") === true) {
    const [row] = await session.rows<{ ms: string | null }>(
      `SELECT trunc(extract(epoch FROM max(last_event_time)) * 1000)::int8 AS ms FROM ${escapeIdentifier(schema)}.firehose_cursor`,
    );
    if (row !== undefined && row.ms !== null) times.push(Number(row.ms));
  }
  const newest = await session.rows<{ uri: string }>(
    `SELECT uri FROM ${escapeIdentifier(schema)}.posts WHERE indexed_at <= now() AT TIME ZONE 'UTC' ORDER BY indexed_at DESC LIMIT ${NEWEST_POSTS}`,
  );
  const keys = newest.flatMap(({ uri }) => keyTimeMs(uri) ?? []).toSorted((a, b) => a - b);
  const middle = keys[keys.length >> 1];
  if (middle !== undefined) times.push(middle);
  return times.length === 0 ? null : Math.max(...times);
}

async function count(place: Place, kind: Kind, { window, isExact }: CountOptions): Promise<KindCount> {
  const table = tableOf(place, kind);
  if (table === null) return { rows: null, inWindow: null };
  if (!isExact) {
    // Statistics know nothing of a condition.
    if (table.condition !== null) return { rows: null, inWindow: null };
    const [row] = await place.session.rows<{ rows: string | null }>(
      `SELECT nullif(greatest(s.n_live_tup, c.reltuples::int8), -1) AS rows FROM pg_catalog.pg_stat_user_tables AS s
         JOIN pg_catalog.pg_class AS c ON c.oid = s.relid WHERE s.schemaname = $1 AND s.relname = $2`,
      [place.schema, table.table],
    );
    return { rows: row === undefined || row.rows === null ? null : Number(row.rows), inWindow: null };
  }
  const { from, to } = windowKeys(window);
  const rkey = `split_part(t.${table.key}, '/', 5) COLLATE "C"`;
  const [row] = await place.session.rows<{ rows: string; within: string }>(
    `SELECT count(*) AS rows, count(*) FILTER (WHERE ${rkey} >= $1::text AND ${rkey} < $2::text) AS within
     FROM ${nameOf(place, table)} AS t WHERE ${table.condition ?? "true"}`,
    [from, to],
  );
  return { rows: Number(row?.rows), inWindow: kind.keyIsTid ? Number(row?.within) : null };
}

async function accounts(place: Place, points: readonly string[], window: CompareWindow): Promise<readonly string[]> {
  const signs = KINDS.filter(({ name }) => SIGNS_OF_LIFE.includes(name)).flatMap((kind) => {
    const table = tableOf(place, kind);
    return table === null ? [] : [`EXISTS (SELECT 1 FROM ${nameOf(place, table)} AS t WHERE ${keyRange(kind, table)})`];
  });
  const { from, to } = windowKeys(window);
  const rows = await place.session.rows<{ did: string }>(
    `SELECT DISTINCT found.did FROM unnest($1::text[]) AS p (point) CROSS JOIN LATERAL (
       SELECT d.did FROM (SELECT u.did FROM ${escapeIdentifier(place.schema)}.users AS u WHERE u.did >= p.point ORDER BY u.did LIMIT ${NEAR_ACCOUNTS}) AS d
       WHERE ${signs.join(" OR ")} ORDER BY d.did LIMIT ${ACCOUNTS_A_POINT}) AS found`,
    [points, from, to],
  );
  return rows.map(({ did }) => did);
}

/** Keys of the account `d` between $2 and $3. In any collation: keys of one account and collection differ in their last part only, digits and small letters. */
function keyRange(kind: Kind, { key, keyOf }: EstablishedTable): string {
  const path = keyOf(`/${kind.collection}/`);
  return `t.${key} >= 'at://' || d.did || '${path}' || $2::text AND t.${key} < 'at://' || d.did || '${path}' || $3::text`;
}

async function records(place: Place, kind: Kind, options: RecordsOptions): Promise<readonly ComparedRecord[]> {
  const table = tableOf(place, kind);
  if (table === null) return [];
  const { dids, window, most } = options;
  const { from, to } = windowKeys(window);
  const byKey = table.accountColumn === null;
  const where = byKey
    ? `${keyRange(kind, table)} ORDER BY t.${table.key}`
    : `t.${table.accountColumn} = d.did AND ${table.condition ?? "true"}`;
  const values = byKey ? [dids, from, to, most] : [dids, most];
  const rows = await place.session.rows<EstablishedRow>(
    `SELECT found.* FROM unnest($1::text[]) AS d (did) CROSS JOIN LATERAL (
       SELECT ${selected(table)} FROM ${nameOf(place, table)} AS t WHERE ${where} LIMIT $${values.length}::int4) AS found`,
    values,
  );
  return rows.map((row) => comparedRecord(row, table));
}

async function find(place: Place, kind: Kind, uris: readonly string[]): Promise<readonly ComparedRecord[]> {
  const table = tableOf(place, kind);
  if (table === null || uris.length === 0) return [];
  const rows = await place.session.rows<EstablishedRow>(
    `SELECT ${selected(table)} FROM ${nameOf(place, table)} AS t WHERE t.${table.key} = ANY ($1::text[]) AND ${table.condition ?? "true"}`,
    [uris.map(table.keyOf)],
  );
  return rows.map((row) => comparedRecord(row, table));
}

interface EstablishedRow {
  readonly key: string;
  readonly created_ms: string | null;
  readonly said: Readonly<Record<string, string | null>>;
}

function selected({ key, created, columns }: EstablishedTable): string {
  const said = Object.entries(columns).map(([name, column]) => `'${name}', nullif(t.${column}::text, '')`);
  // Times stand there without a zone; its writers mean UTC.
  const createdMs = created === null ? "NULL" : `trunc(extract(epoch FROM t.${created}) * 1000)::int8`;
  return `t.${key} AS key, ${createdMs} AS created_ms, jsonb_build_object(${said.join(", ")}) AS said`;
}

function comparedRecord({ key, created_ms: created, said }: EstablishedRow, table: EstablishedTable): ComparedRecord {
  return { uri: table.uriOf(key), fields: said, revMs: null, createdMs: created === null ? null : Number(created) };
}

/** Of some kinds it keeps one record for each pair of account and subject: where it has another one of the pair, this one has no place. */
async function findOthers(
  place: Place,
  kind: Kind,
  missing: readonly ComparedRecord[],
): Promise<ReadonlyMap<string, Absence>> {
  const table = tableOf(place, kind);
  if (table === null || table.onlyOne.length === 0 || missing.length === 0) return new Map();
  const pairs = missing.map((record) => table.onlyOne.map((name) => valueOf(record, name)));
  const names = table.onlyOne.map((_, at) => `k.v${at}`);
  const on = table.onlyOne.map((name, at) => `t.${table.columns[name]} = ${names[at]}`).join(" AND ");
  const rows = await place.session.rows<{ at: number }>(
    `SELECT k.at::int4 AS at FROM unnest(${names.map((_, at) => `$${at + 1}::text[]`).join(", ")}) WITH ORDINALITY AS k (${names
      .map((name) => name.slice(2))
      .join(", ")}, at) WHERE EXISTS (SELECT 1 FROM ${nameOf(place, table)} AS t WHERE ${on})`,
    names.map((_, at) => pairs.map((pair) => pair[at] ?? null)),
  );
  return new Map(rows.map(({ at }) => [missing[at - 1]?.uri ?? "", { kind: "one-a-subject" } satisfies Absence]));
}

function valueOf({ uri, fields }: ComparedRecord, name: string): string | null {
  return name === "account" ? (parseAtUri(uri)?.authority ?? null) : (fields[name] ?? null);
}
