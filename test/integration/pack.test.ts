import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { startProcess } from "../support/process.ts";
import { projectRoot } from "../support/project-root.ts";
import { runTool } from "../support/run-tool.ts";
import { type TemporaryTree, temporaryTree } from "../support/temporary-tree.ts";

/** What `npm pack` makes, laid out as `npm install` would, with only what package.json declares beside it. */
describe("the package, installed into an empty folder", () => {
  let tree: TemporaryTree;
  let script: string;
  let packedPaths: readonly string[] = [];

  beforeAll(async () => {
    tree = await temporaryTree({});
    const { stdout } = await runTool("npm", ["pack", "--json", "--pack-destination", tree.root], { cwd: projectRoot });
    const [packed] = JSON.parse(stdout.slice(stdout.indexOf("[\n"))) as [PackedFile];
    packedPaths = packed.files.map(({ path }) => path);
    await install(tree.root, packed.filename);
    script = join(tree.root, "node_modules/standpipe/dist/standpipe.js");
  });
  afterAll(() => tree[Symbol.asyncDispose]());

  it("holds the build and the docs, and nothing of the workshop", () => {
    const tops = new Set(packedPaths.map((path) => path.split("/")[0]));
    expect(tops).toEqual(new Set(["CHANGELOG.md", "LICENSE", "README.md", "dist", "docs", "package.json"]));
  });

  it("shows its help", async () => {
    await using command = startProcess(["--help"], { script, cwd: tree.root });
    expect(await command.exit).toEqual({ code: 0, signal: null });
    expect(command.stdout()).toContain("Usage: standpipe");
  });

  it("migrates a database, and then finds nothing more to do", async () => {
    await using database = await createTestDatabase({ empty: true });
    const options = { script, cwd: tree.root, env: { DATABASE_URL: database.connectionString } };
    await using first = startProcess(["migrate"], options);
    expect(await first.exit).toEqual({ code: 0, signal: null });
    expect(first.stdout()).toContain("0001_");
    await using second = startProcess(["migrate"], options);
    expect(await second.exit).toEqual({ code: 0, signal: null });
    expect(second.stdout()).not.toContain("0001_");
  });

  it("serves its own recording as a relay", async () => {
    const recording = join(dirname(script), "network.spr");
    await using relay = startProcess(["relay", "--replay", recording, "--port", "0"], { script, cwd: tree.root });
    await relay.waitForLine(/relay at ws:\/\/127\.0\.0\.1:\d+/);
    expect(await relay.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});

interface PackedFile {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

interface Dependencies {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

/** The packages themselves are links to the checkout's: whoever imports one that is not declared does not find it. */
async function install(root: string, tarball: string): Promise<void> {
  const modules = join(root, "node_modules");
  await mkdir(modules);
  await runTool("tar", ["-xzf", join(root, tarball), "-C", modules], { cwd: root });
  await rename(join(modules, "package"), join(modules, "standpipe"));
  const manifest = JSON.parse(readFileSync(join(modules, "standpipe/package.json"), "utf8")) as Dependencies;
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    const installed = join(projectRoot, "node_modules", name);
    if (!existsSync(installed)) continue;
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(installed, join(modules, name), "dir");
  }
}
