/** Writes the tables of docs/schema.md from the comments of a database that is migrated for it and thrown away. */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { openEmbeddedPostgres } from "../lib/store/embedded/embedded-postgres.ts";
import { MIGRATIONS_DIRECTORY, migrate } from "../lib/store/migrate.ts";
import { VIEW_NAMES } from "../lib/store/view-names.ts";
import { fillSchemaPage, readCatalogue } from "./schema-page.ts";

const PAGE = new URL("../docs/schema.md", import.meta.url);
const SCHEMA = "public";
const log = { debug() {}, info() {}, warn: console.warn, error: console.error };

await using cleanUp = new AsyncDisposableStack();
const folder = await mkdtemp(join(tmpdir(), "standpipe-schema-"));
cleanUp.defer(() => rm(folder, { recursive: true, force: true }));
// As root the server runs as another user, who has to get in.
await chmod(folder, 0o755);
const server = cleanUp.use(await openEmbeddedPostgres({ dataDir: join(folder, "data"), log, command: "schema-docs" }));
const client = new Client({ connectionString: server.connectionString("postgres") });
await client.connect();
cleanUp.defer(() => client.end());
await migrate({ client, schema: SCHEMA, directory: MIGRATIONS_DIRECTORY, viewNames: VIEW_NAMES, log });
await writeFile(PAGE, fillSchemaPage(await readFile(PAGE, "utf8"), await readCatalogue(client, SCHEMA)));
