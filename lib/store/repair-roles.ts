/** A migrated database in, the roles with every right that the migrations gave them out: somebody may have taken them away since. */
import { Client, escapeIdentifier } from "pg";
import { readMigrations } from "./migration-files.ts";

export interface RolesRepair {
  readonly connectionString: string;
  /** DATABASE_SCHEMA: where the views are. */
  readonly schema: string;
  /** The folder of `NNNN_name.sql` files. */
  readonly directory: URL;
}

/** Of the file whose statements can be repeated. */
const ROLES = "roles";
const CONNECT_LIMIT_MS = 10_000;

/** The statements of that migration once more, in one transaction. Rejects as the client does. */
export async function repairRoles({ connectionString, schema, directory }: RolesRepair): Promise<void> {
  const file = readMigrations(directory).find(({ name }) => name === ROLES);
  if (file === undefined) return;
  const client = new Client({
    connectionString,
    application_name: "standpipe migrate",
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
  });
  // A connection that breaks rejects the query as well.
  client.on("error", () => {});
  await client.connect();
  try {
    // Several statements in one message are one transaction.
    await client.query(file.sql.replaceAll("{{schema}}", () => escapeIdentifier(schema)));
  } finally {
    await client.end().catch(() => {});
  }
}
