/** The functions of migration and canary as they are deployed: bundled, in a folder with nothing else of ours, in a process of their own. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { Client } from "pg";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import {
  BUNDLE_BANNER,
  BUNDLE_EXTERNAL,
  BUNDLE_MAIN_FIELDS,
  BUNDLE_TARGET,
  entryOf,
  type FunctionName,
} from "../../lib/infra/bundle.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { projectRoot } from "../support/project-root.ts";

let folder: string;
let database: TestDatabase;
beforeAll(async () => {
  folder = join(inject("scratchDir"), `functions-${randomBytes(6).toString("hex")}`);
  database = await createTestDatabase({ empty: true });
});
afterAll(() => database.drop());

/** As the construct has it bundled. */
async function bundled(name: FunctionName): Promise<string> {
  const outfile = join(folder, name, "index.mjs");
  mkdirSync(join(folder, name), { recursive: true });
  await build({
    entryPoints: [join(projectRoot, entryOf(name))],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: BUNDLE_TARGET,
    banner: { js: BUNDLE_BANNER },
    external: [...BUNDLE_EXTERNAL],
    mainFields: [...BUNDLE_MAIN_FIELDS],
    logLevel: "silent",
  });
  return outfile;
}

/** What the handler answered is the last line; before it stands what it wrote. */
async function called(name: FunctionName, environment: Readonly<Record<string, string>>): Promise<readonly unknown[]> {
  const code = `const { handler } = await import(${JSON.stringify(await bundled(name))});
    const answer = await handler({}); process.stdout.write(JSON.stringify({ answer: answer ?? null }) + "\\n");`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: folder,
    env: { LOG_LEVEL: "silent", DATABASE_URL: database.connectionString, ...environment },
  });
  return stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
}

it("migrates with the files beside it, and then tells the age of the newest rows", async () => {
  cpSync(join(projectRoot, "lib/store/migrations"), join(folder, "migrate/migrations"), { recursive: true });
  expect(await called("migrate", {})).toEqual([
    { answer: { applied: expect.arrayContaining(["0001_tables", "0005_roles"]) as unknown } },
  ]);
  await withOneRow();
  expect(await called("freshness", { EMF_NAMESPACE: "Standpipe/test" })).toEqual([
    expect.objectContaining({ command: "freshness", newest_row_age_seconds: expect.closeTo(60, -1) as number }),
    { answer: null },
  ]);
});

async function withOneRow(): Promise<void> {
  const client = new Client({ connectionString: database.connectionString });
  await client.connect();
  await client.query(`INSERT INTO standpipe.relay (id, host, epoch) VALUES (1, 'relay.test', 1);
    INSERT INTO standpipe.lane (lane, relay, event_time, applied_at) VALUES (0, 1, now() - interval '1 minute', now())`);
  await client.end();
}
