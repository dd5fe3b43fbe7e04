/** A database's name in, an empty database of that name out. */
import { Client, escapeIdentifier } from "pg";

/** `adminConnectionString` leads to another database of the same server. What was in it is gone, and whoever was connected is cut. */
export async function recreateDatabase(adminConnectionString: string, name: string): Promise<void> {
  const client = new Client({ connectionString: adminConnectionString, application_name: "standpipe" });
  await client.connect();
  try {
    await client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${escapeIdentifier(name)} TEMPLATE template0 ENCODING 'UTF8'`);
  } finally {
    await client.end();
  }
}
