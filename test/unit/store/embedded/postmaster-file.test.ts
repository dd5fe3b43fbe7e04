import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findServer, removeMisleadingFile } from "../../../../lib/store/embedded/postmaster-file.ts";

let clusterDir: string;

beforeEach(async () => {
  clusterDir = await mkdtemp(join(tmpdir(), "standpipe-cluster-"));
});

afterEach(() => rm(clusterDir, { recursive: true, force: true }));

const file = () => join(clusterDir, "postmaster.pid");
const write = (pid: number, status = "ready   ") =>
  writeFile(file(), `${pid}\n${clusterDir}\n1795224317\n54999\n\n127.0.0.1\n  2156611         4\n${status}\n`);

/** A process that works in the cluster's directory, as a server does. */
async function inClusterDir(work: (pid: number) => Promise<void>): Promise<void> {
  const child = spawn("sleep", ["60"], { cwd: clusterDir, stdio: "ignore" });
  await once(child, "spawn");
  try {
    await work(child.pid ?? 0);
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

describe("findServer", () => {
  it("is null without a file, with an empty one, and with one of a dead process", async () => {
    expect(findServer(clusterDir)).toBeNull();
    await writeFile(file(), "");
    expect(findServer(clusterDir)).toBeNull();
    let dead = 0;
    await inClusterDir((pid) => Promise.resolve(void (dead = pid)));
    await write(dead);
    expect(findServer(clusterDir)).toBeNull();
  });

  it("reads number, port and status", () =>
    inClusterDir(async (pid) => {
      await write(pid);
      expect(findServer(clusterDir)).toEqual({ pid, port: 54999, status: "ready" });
      await write(pid, "stopping");
      expect(findServer(clusterDir)).toEqual({ pid, port: 54999, status: "stopping" });
    }));

  it("calls it starting as long as the file is half written", () =>
    inClusterDir(async (pid) => {
      await writeFile(file(), `${pid}\n${clusterDir}\n`);
      expect(findServer(clusterDir)).toEqual({ pid, port: null, status: "starting" });
    }));

  it.runIf(process.platform === "linux")("is not misled by another process that has got the number", async () => {
    await write(process.pid);
    expect(findServer(clusterDir)).toBeNull();
  });
});

describe.runIf(process.platform === "linux")("removeMisleadingFile", () => {
  it("removes a file whose number now is another process'", async () => {
    await write(process.pid);
    removeMisleadingFile(clusterDir);
    expect(await readdir(clusterDir)).toEqual([]);
  });

  it("leaves a live server's file, and what Postgres removes by itself", () =>
    inClusterDir(async (pid) => {
      await write(pid);
      removeMisleadingFile(clusterDir);
      expect(existsSync(file())).toBe(true);
      await writeFile(file(), "");
      removeMisleadingFile(clusterDir);
      expect(existsSync(file())).toBe(true);
    }));
});
