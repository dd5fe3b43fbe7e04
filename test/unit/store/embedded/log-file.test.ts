import { appendFileSync, closeSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { boundLogFile, logSize, readLogFrom } from "../../../../lib/store/embedded/log-file.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "standpipe-log-"));
  path = join(folder, "postgres.log");
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe("boundLogFile", () => {
  it("leaves a small file, and none, as they are", () => {
    boundLogFile(path);
    writeFileSync(path, "short");
    boundLogFile(path, { maxBytes: 5 });
    expect(readFileSync(path, "utf8")).toBe("short");
  });

  it("moves what is too much aside while the server goes on writing", () => {
    const server = openSync(path, "a");
    try {
      writeSync(server, "before");
      boundLogFile(path, { maxBytes: 5 });
      writeSync(server, "after");
    } finally {
      closeSync(server);
    }
    expect(readFileSync(`${path}.1`, "utf8")).toBe("before");
    expect(readFileSync(path, "utf8")).toBe("after");
    expect(statSync(path).size).toBe(5);
  });
});

describe("readLogFrom", () => {
  it("gives what was written since", () => {
    writeFileSync(path, "old\n");
    const offset = logSize(path);
    appendFileSync(path, "new\n");
    expect(readLogFrom(path, offset)).toBe("new\n");
    expect(readLogFrom(path, logSize(path))).toBe("");
    expect(readLogFrom(join(folder, "none"), 0)).toBe("");
  });

  it("gives only the end of very much", () => {
    writeFileSync(path, `${"x".repeat(100_000)}end`);
    const text = readLogFrom(path, 0);
    expect(text).toHaveLength(64 * 1024);
    expect(text.endsWith("end")).toBe(true);
  });
});
