/** Records as they were: the exact DAG-CBOR of what is stored, from the columns, the JSON, or the bytes kept beside. */
import { escapeIdentifier, type Pool } from "pg";
import { encodeCbor } from "../core/dag-cbor-encode.ts";
import { fromDagJson } from "../core/dag-json.ts";

export interface ExactRecord {
  readonly did: string;
  readonly collection: string;
  readonly rkey: string;
  /** CID v1 as text. */
  readonly cid: string;
  /** Hashes to the CID. */
  readonly cbor: Uint8Array;
}

interface Row {
  readonly did: string;
  readonly collection: string;
  readonly rkey: string;
  readonly cid: string;
  readonly value: string | null;
  readonly cbor: Uint8Array | null;
}

/** All records of one account (of all, without `did`), whatever its state, in no particular order. `schema`: where the views are. */
export async function exactRecords(
  pool: Pool,
  { did = null, schema }: { readonly did?: string | null; readonly schema: string },
): Promise<ExactRecord[]> {
  const { rows } = await pool.query<Row>(
    `SELECT r.did, r.collection, r.rkey, r.cid, r.value::text AS value, coalesce(o.cbor, m.cbor) AS cbor
     FROM ${escapeIdentifier(schema)}.all_records AS r
       JOIN standpipe.actor AS a ON a.did = r.did JOIN standpipe.collection AS c ON c.nsid = r.collection
       LEFT JOIN standpipe.original AS o ON o.actor = a.id AND o.collection = c.id AND o.rkey = r.rkey
       LEFT JOIN standpipe.misfit AS m ON m.actor = a.id AND m.collection = c.id AND m.rkey = r.rkey
     WHERE ${did === null ? "$1::text IS NULL" : "r.did = $1"}`,
    [did],
  );
  return rows.map(({ value, cbor, ...key }) => ({
    ...key,
    cbor: cbor ?? encodeCbor(fromDagJson(JSON.parse(value ?? "null"))),
  }));
}
