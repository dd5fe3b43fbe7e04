/** A database of ours as one side of a comparison: by its base tables, so that records of inactive accounts are compared as well. */
import { parseAtUri } from "../../core/syntax.ts";
import { parseTid, tidTimeMs } from "../../core/tid.ts";
import type { Kind } from "./kinds.ts";
import { type ComparedRecord, windowKeys, windowTids } from "./record.ts";
import type { ReadSession } from "./session.ts";
import {
  type Absence,
  ACCOUNTS_A_POINT,
  type CountOptions,
  type KindCount,
  type RecordsOptions,
  type Side,
} from "./side.ts";

/** Of the accounts after a point so many are looked at for one that has something in the window. */
const NEAR_ACCOUNTS = 20;
/** Collections with a view of their own have the numbers up to this one. */
const LAST_NUMBER = 15;

/** Rejects with CompareError. */
export async function openStandpipeSide(session: ReadSession): Promise<Side> {
  const [times] = await session.rows<{ begun_ms: string | null; position_ms: string | null }>(
    `SELECT (SELECT trunc(extract(epoch FROM min(applied_at)) * 1000)::int8 FROM standpipe.migration) AS begun_ms,
       (SELECT trunc(extract(epoch FROM min(event_time)) * 1000)::int8 FROM standpipe.lane) AS position_ms`,
  );
  const asMs = (text: string | null | undefined): number | null =>
    text === null || text === undefined ? null : Number(text);
  return {
    form: "standpipe",
    begunMs: asMs(times?.begun_ms),
    positionMs: asMs(times?.position_ms),
    keeps: () => true,
    count: (kind, options) => count(session, kind, options),
    accounts: (points, window) => accounts(session, points, windowTids(window).from),
    records: (kind, options) => records(session, kind, options),
    find: (kind, uris) => find(session, kind, uris),
    explain: (_, missing) => findDeleted(session, missing),
  };
}

/** Whether a kind's table has the record key as a number. */
function hasNumberKeys({ number }: Kind): boolean {
  return number !== null && number <= 5;
}

async function count(session: ReadSession, kind: Kind, { window, isExact }: CountOptions): Promise<KindCount> {
  if (!isExact) {
    const [row] = await session.rows<{ rows: string }>(
      "SELECT greatest(n_live_tup, 0) AS rows FROM pg_catalog.pg_stat_user_tables WHERE schemaname = 'standpipe' AND relname = $1",
      [kind.table],
    );
    return { rows: row === undefined ? null : Number(row.rows), inWindow: null };
  }
  const { from, to } = hasNumberKeys(kind) ? windowTids(window) : windowKeys(window);
  const [row] = await session.rows<{ rows: string; within: string }>(
    `SELECT count(*) AS rows, count(*) FILTER (WHERE rkey >= $1 AND rkey < $2) AS within FROM standpipe."${kind.table}"`,
    [String(from), String(to)],
  );
  return { rows: Number(row?.rows), inWindow: kind.keyIsTid ? Number(row?.within) : null };
}

async function accounts(session: ReadSession, points: readonly string[], from: bigint): Promise<readonly string[]> {
  const rows = await session.rows<{ did: string }>(
    `SELECT DISTINCT found.did FROM unnest($1::text[]) AS p (point) CROSS JOIN LATERAL (
       SELECT near.did FROM (SELECT a.id, a.did FROM standpipe.actor AS a WHERE a.did >= p.point ORDER BY a.did LIMIT ${NEAR_ACCOUNTS}) AS near
       WHERE EXISTS (SELECT 1 FROM standpipe.repo AS r WHERE r.actor = near.id AND r.rev >= $2::int8)
       ORDER BY near.did LIMIT ${ACCOUNTS_A_POINT}) AS found`,
    [points, String(from)],
  );
  return rows.map(({ did }) => did);
}

interface StoredRow {
  readonly uri: string;
  readonly cid: string;
  readonly rev: string;
  readonly value: Readonly<Record<string, unknown>> | null;
}

const COLUMNS = "r.uri, r.cid, r.rev, r.value";

async function records(session: ReadSession, kind: Kind, options: RecordsOptions): Promise<readonly ComparedRecord[]> {
  const { dids, window, most } = options;
  const { relation, condition, isNumber } = placeOf(kind);
  const { from, to } = isNumber ? windowTids(window) : windowKeys(window);
  const [key, type] = isNumber ? ["r.tid", "int8"] : ["r.rkey", "text"];
  const inWindow = kind.keyIsTid
    ? `${key} >= $2::${type} AND ${key} < $3::${type} ORDER BY ${key}`
    : `r.rev COLLATE "C" >= $2::text AND r.rev COLLATE "C" < $3::text`;
  const rows = await session.rows<StoredRow>(
    `SELECT found.* FROM standpipe.actor AS a CROSS JOIN LATERAL (
       SELECT ${COLUMNS} FROM ${relation} AS r WHERE r.actor = a.id AND ${condition} AND ${inWindow} LIMIT $4::int4) AS found
     WHERE a.did = ANY ($1::text[])`,
    [dids, String(from), String(to), most],
  );
  return rows.map((row) => comparedRecord(row, kind));
}

/** Where records of a kind are read one account after the other. */
function placeOf(kind: Kind): { readonly relation: string; readonly condition: string; readonly isNumber: boolean } {
  if (hasNumberKeys(kind)) {
    return { relation: `standpipe.${kind.table}_record`, condition: "true", isNumber: true };
  }
  const condition = kind.number === null ? `r.collection_id > ${LAST_NUMBER}` : `r.collection_id = ${kind.number}`;
  return { relation: "standpipe.document_record", condition, isNumber: false };
}

async function find(session: ReadSession, kind: Kind, uris: readonly string[]): Promise<readonly ComparedRecord[]> {
  if (uris.length === 0) return [];
  const { relation, isNumber } = placeOf(kind);
  const typed = isNumber
    ? `SELECT ${COLUMNS} FROM ${relation} AS r WHERE r.actor = a.id AND r.tid = standpipe.tid_value(k.rkey)`
    : `SELECT ${COLUMNS} FROM ${relation} AS r WHERE r.actor = a.id AND r.collection_id = c.id AND r.rkey = k.rkey`;
  // What its own table cannot take is kept apart, and is there all the same: by its CID alone, since what it says has no certain form.
  const rows = await session.rows<StoredRow>(
    `SELECT found.* FROM ${KEYS} CROSS JOIN LATERAL (${typed} UNION ALL
       SELECT r.uri, r.cid, r.rev, NULL::jsonb FROM standpipe.misfit_record AS r WHERE r.actor = a.id AND r.collection_id = c.id AND r.rkey = k.rkey) AS found`,
    keysOf(uris),
  );
  return rows.map((row) => comparedRecord(row, kind));
}

/** Addresses as the numbers that tables have for them. */
const KEYS = `unnest($1::text[], $2::text[], $3::text[]) AS k (did, nsid, rkey)
  JOIN standpipe.actor AS a ON a.did = k.did JOIN standpipe.collection AS c ON c.nsid = k.nsid`;

function keysOf(uris: readonly string[]): [string[], string[], string[]] {
  const parts = uris.flatMap((uri) => parseAtUri(uri) ?? []);
  return [
    parts.map(({ authority }) => authority),
    parts.map(({ collection }) => collection),
    parts.map(({ rkey }) => rkey),
  ];
}

function comparedRecord({ uri, cid, rev, value }: StoredRow, kind: Kind): ComparedRecord {
  const tid = parseTid(rev);
  // Where there is no value the CID says enough.
  const fields = value === null ? { cid } : { cid, ...kind.fieldsOf(value) };
  return { uri, fields, revMs: tid === undefined ? null : tidTimeMs(tid), createdMs: null };
}

async function findDeleted(
  session: ReadSession,
  missing: readonly ComparedRecord[],
): Promise<ReadonlyMap<string, Absence>> {
  if (missing.length === 0) return new Map();
  const rows = await session.rows<{ uri: string; rev: string }>(
    `SELECT 'at://' || k.did || '/' || k.nsid || '/' || k.rkey AS uri, standpipe.tid_text(max(t.rev)) AS rev FROM ${KEYS}
       JOIN standpipe.tombstone AS t ON t.actor = a.id AND t.collection = c.id AND t.rkey = k.rkey GROUP BY 1`,
    keysOf(missing.map(({ uri }) => uri)),
  );
  return new Map(
    rows.map(({ uri, rev }) => [uri, { kind: "deleted", revMs: tidTimeMs(parseTid(rev) ?? 0n) } satisfies Absence]),
  );
}
