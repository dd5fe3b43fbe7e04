/** docs/schema.md and the comments in the database say the same, of everything that is there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findForeignRelations } from "../../lib/store/foreign-relations.ts";
import { MIGRATIONS_DIRECTORY, migrate, pendingMigrations } from "../../lib/store/migrate.ts";
import { VIEW_NAMES } from "../../lib/store/view-names.ts";
import { type Catalogue, fillSchemaPage, madePlaces, readCatalogue } from "../../scripts/schema-page.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { projectRoot } from "../support/project-root.ts";
import { silentLog } from "../support/silent-log.ts";

const page = readFileSync(join(projectRoot, "docs/schema.md"), "utf8");

let database: TestDatabase;
let client: Client;
let catalogue: Catalogue;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new Client({ connectionString: database.connectionString });
  await client.connect();
  catalogue = await readCatalogue(client, "public");
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

describe("docs/schema.md", () => {
  it("is up to date: node scripts/schema-docs.ts changes nothing", () => {
    expect(fillSchemaPage(page, catalogue)).toBe(page);
  });

  it("has a section for every view, and one for the functions", () => {
    const views = catalogue.views.map(({ name }) => name);
    expect(madePlaces(page).toSorted()).toEqual(["common", "functions", ...views].toSorted());
    for (const view of views) expect(page).toContain(`\n### ${view}\n`);
  });

  it("says what each column is in the words of the database", () => {
    for (const { name, type, comment } of catalogue.views.flatMap(({ columns }) => columns)) {
      expect(page).toContain(`| \`${name}\` | ${type} | ${comment} |`);
    }
  });
});

describe("the database", () => {
  it("has a comment on every view, column and function", () => {
    const { views, functions } = catalogue;
    const bare = [
      ...views.filter(({ comment }) => comment === "").map(({ name }) => name),
      ...views.flatMap(({ name, columns }) =>
        columns.filter(({ comment }) => comment === "").map((column) => `${name}.${column.name}`),
      ),
      ...functions.filter(({ comment }) => comment === "").map(({ signature }) => signature),
    ];
    expect(bare).toEqual([]);
  });

  it("has the views and functions whose names the migrations keep free, and no others", () => {
    const made = [
      ...catalogue.views.map(({ name }) => name),
      ...catalogue.functions.map(({ signature }) => signature.replace(/\(.*/, "")),
    ];
    // A function that gives pages has the name of the one that gives all.
    expect([...new Set(made)].toSorted()).toEqual(VIEW_NAMES.toSorted());
  });

  it("says the same in a schema of another name, where the migrations know all of it as theirs", async () => {
    await using other = await createTestDatabase({ empty: true });
    const schema = "Odd_Name";
    const options = {
      connectionString: other.connectionString,
      schema,
      directory: MIGRATIONS_DIRECTORY,
      viewNames: VIEW_NAMES,
    };
    await migrate({ ...options, log: silentLog });
    expect(await pendingMigrations(options)).toEqual([]);
    const there = new Client({ connectionString: other.connectionString });
    await there.connect();
    const foreign = await findForeignRelations(there, schema, VIEW_NAMES);
    const found = await readCatalogue(there, `"${schema}"`);
    await there.end();
    expect(foreign).toEqual([]);
    expect(fillSchemaPage(page, found)).toBe(
      page.replaceAll(/(?<=\| `\S+\(\S+ text(?:, max integer, before text)?\)` \| `)/g, `"${schema}".`),
    );
  });
});
