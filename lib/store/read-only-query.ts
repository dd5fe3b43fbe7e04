/** One statement in, its rows out, and nothing changed: what `standpipe sql` and `status` ask with. */
import { Client, type CustomTypesConfig, type QueryArrayConfig, types } from "pg";

export interface ReadOnlyQuery {
  readonly connectionString: string;
  readonly statement: string;
  readonly timeoutMs: number;
}

export interface QueryRows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

const CONNECT_LIMIT_MS = 10_000;

/**
 * Runs in a transaction that can only read, and through the extended protocol, which takes a single statement: nothing can end the
 * transaction and write after it. Rejects as the client does, with the server's words.
 */
export async function queryReadOnly(query: ReadOnlyQuery): Promise<QueryRows> {
  const client = new Client({
    connectionString: query.connectionString,
    application_name: "standpipe sql",
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
  });
  // A connection that breaks rejects the query as well.
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query("BEGIN TRANSACTION READ ONLY");
    await client.query(`SET LOCAL statement_timeout = ${Math.ceil(query.timeoutMs)}`);
    const extended: QueryArrayConfig & { readonly queryMode: "extended" } = {
      text: query.statement,
      rowMode: "array",
      queryMode: "extended",
      types: VALUE_TYPES,
    };
    const result = await client.query<unknown[]>(extended);
    return { columns: result.fields.map(({ name }) => name), rows: result.rows };
  } finally {
    await client.end().catch(() => {});
  }
}

const { BYTEA, DATE, INT8, INTERVAL, TIMESTAMP, TIMESTAMPTZ } = types.builtins;

type Reader = (text: string) => unknown;

/** Postgres' own text says more than a JavaScript value of most of these: microseconds, years before 100, infinity. */
const OWN_READERS = new Map<number, Reader>([
  ...[BYTEA, DATE, INTERVAL, TIMESTAMP, TIMESTAMPTZ].map((oid): [number, Reader] => [oid, (text) => text]),
  [INT8, safeInteger],
]);

const VALUE_TYPES: CustomTypesConfig = {
  getTypeParser: (oid: Parameters<typeof types.getTypeParser>[0]) =>
    OWN_READERS.get(oid) ?? types.getTypeParser(oid, "text"),
};

/** A number where JavaScript has it exactly, otherwise the digits. */
function safeInteger(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}
