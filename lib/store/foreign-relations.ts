/** Names that we are about to use in a schema in, what already has them there and is not ours out. */
import type { ClientBase } from "pg";

export interface ForeignRelation {
  readonly name: string;
  /** Such as `table`, `view`, `function`. */
  readonly kind: string;
}

/** What starts the comment of everything that we made; comments outlive dump and restore, which object ids do not. */
const MARK = "standpipe";

/** Relations (tables, views, indexes, types, …) and functions of these names that do not carry our mark. */
export async function findForeignRelations(
  client: ClientBase,
  schema: string,
  names: readonly string[],
): Promise<readonly ForeignRelation[]> {
  const { rows } = await client.query<ForeignRelation>(
    `SELECT name, kind FROM (${UNMARKED}) AS unmarked ORDER BY name, kind`,
    [schema, names, `${MARK}%`],
  );
  return rows;
}

/**
 * Puts our mark before the comments of what has these names now. Only in a transaction that began with none of them foreign:
 * then all are ours.
 */
export async function markAsOurs(client: ClientBase, schema: string, names: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `SELECT format('COMMENT ON %s %s IS %L', target, identity, concat_ws(': ', $4::text, comment)) AS statement
     FROM (${UNMARKED}) AS unmarked WHERE target IS NOT NULL`,
    [schema, names, `${MARK}%`, MARK],
  );
  for (const { statement } of rows) await client.query(statement);
}

const UNMARKED = `
SELECT c.relname AS name,
  CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence'
    WHEN 'c' THEN 'type' ELSE 'table' END AS kind,
  CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'TABLE' END AS target,
  format('%I.%I', n.nspname, c.relname) AS identity,
  obj_description(c.oid, 'pg_class') AS comment
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = ANY ($2::text[])
  AND coalesce(obj_description(c.oid, 'pg_class'), '') NOT LIKE $3
UNION ALL
SELECT p.proname, 'function', 'ROUTINE', p.oid::regprocedure::text, obj_description(p.oid, 'pg_proc')
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND p.proname = ANY ($2::text[])
  AND coalesce(obj_description(p.oid, 'pg_proc'), '') NOT LIKE $3`;
