/** One statement in, its rows out, and nothing changed: what `standpipe sql` and the demo's summary ask with. */
import { Client, type CustomTypesConfig, DatabaseError, escapeIdentifier, type QueryArrayConfig, types } from "pg";

export interface ReadOnlyQuery {
  readonly connectionString: string;
  readonly statement: string;
  /** DATABASE_SCHEMA: where names without a schema are looked for first. */
  readonly schema: string;
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
 *
 * It keeps slips and pasted statements from doing harm. Whoever has a superuser's address can take the role back on purpose.
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
    await client.query(`SET LOCAL search_path = ${escapeIdentifier(query.schema)}, public`);
    await takeReadersRole(client);
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

/** insufficient_privilege, invalid_parameter_value: a user who may not take the role, or a server that has none of this name. */
const ROLE_NOT_TO_BE_HAD = /^(42501|22023)$/;

/**
 * A transaction that can only read still lets a superuser, such as the embedded server's user, start programs, read files and end sessions.
 * Who cannot take the role goes on as what they are.
 */
async function takeReadersRole(client: Client): Promise<void> {
  await client.query("SAVEPOINT before_role");
  try {
    await client.query("SET LOCAL ROLE pg_read_all_data");
  } catch (error) {
    if (!(error instanceof DatabaseError) || !ROLE_NOT_TO_BE_HAD.test(error.code ?? "")) throw error;
    await client.query("ROLLBACK TO SAVEPOINT before_role");
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
