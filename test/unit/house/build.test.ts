import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../support/project-root.ts";
import { runTool, type ToolResult } from "../../support/run-tool.ts";
import { type TemporaryTree, temporaryTree } from "../../support/temporary-tree.ts";

describe("the build", () => {
  let tree: TemporaryTree;
  let dist: string;

  beforeAll(async () => {
    tree = await temporaryTree({ "package.json": '{ "type": "module" }' });
    dist = join(tree.root, "dist");
    await symlink(join(projectRoot, "node_modules"), join(tree.root, "node_modules"), "dir");
    const { stderr } = await runTool("node", ["scripts/build.ts", dist], { cwd: projectRoot });
    expect(stderr).toBe("");
  });
  afterAll(() => tree[Symbol.asyncDispose]());

  it("holds the command, the program, every migration and the recording", () => {
    const migrations = globSync("*.sql", { cwd: join(projectRoot, "lib/store/migrations") });
    expect(migrations).not.toEqual([]);
    const files = globSync("**/*.*", { cwd: dist }).filter(
      (name) => !/^(?:\w+-pipeline|run-work|part)-\w+\.js$/.test(name),
    );
    expect(files.toSorted()).toEqual(
      ["main.js", ...migrations.map((name) => `migrations/${name}`), "network.spr", "standpipe.js"].toSorted(),
    );
  });

  it("makes the command executable", async () => {
    expect((await stat(join(dist, "standpipe.js"))).mode & 0o111).toBe(0o111);
    expect(readFileSync(join(dist, "standpipe.js"), "utf8").split("\n")[0]).toBe("#!/usr/bin/env node");
  });

  it("runs", async () => {
    const { exitCode, stdout } = await runTool("node", [join(dist, "standpipe.js"), "--help"], { cwd: tree.root });
    expect(stdout).toContain("Usage: standpipe");
    expect(exitCode).toBe(0);
  });

  it.each(["14.21.3", "20.20.2", "22.23.3"])(
    "says in one line which Node it needs under %s, and exits 2",
    async (version) => {
      const { engines } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
        engines: { node: string };
      };
      const { exitCode, stdout, stderr } = await runUnder(version, join(dist, "standpipe.js"));
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
      expect(stderr).toMatch(/^standpipe needs Node [^\n]*\n$/);
      expect(stderr).toContain(engines.node.replace(">=", ""));
      expect(stderr).toContain(version);
    },
  );

  it("loads no client of AWS for a command that needs none", () => {
    const linked = (name: string): string[] =>
      Array.from(
        readFileSync(join(dist, name), "utf8").matchAll(/^(?:import|\} from) ?.*"([^"]+)";$/gm),
        ([, from = ""]) => from,
      );
    const seen = new Set(["main.js"]);
    // A set that grows while it is read is read to its end.
    const packages: string[] = [];
    for (const file of seen) {
      for (const from of linked(file)) {
        if (from.startsWith("./")) seen.add(from.slice(2));
        else packages.push(from);
      }
    }
    expect(packages).toContain("commander");
    expect(packages.filter((name) => /aws-sdk|smithy/.test(name))).toEqual([]);
  });

  it("links nothing before the version is checked", () => {
    expect(readFileSync(join(dist, "standpipe.js"), "utf8")).not.toMatch(/^\s*(import|export)\b(?!\()/m);
  });
});

/** Runs a program in this Node, which says that it is an older one. */
function runUnder(version: string, program: string): Promise<ToolResult> {
  const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });`;
  const args = ["--import", `data:text/javascript,${encodeURIComponent(pretend)}`, program, "--help"];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}
