/** A data directory that cannot be had. */
import { expect, test } from "vitest";
import { startUnified } from "../support/unified-process.ts";

test.each(["/proc/nothing", "/proc/version", "/dev/null/below"])(
  "a start on %s, where none can be made, ends with 2 and says so",
  async (path) => {
    await using started = startUnified({ relay: { url: "ws://127.0.0.1:1" }, env: { STANDPIPE_DATA_DIR: path } });
    const { code, complaint } = await started.ending();
    expect(code).toBe(2);
    expect(complaint).toMatch(
      new RegExp(`^standpipe: STANDPIPE_DATA_DIR=${path}: cannot be used .*: must be a directory`),
    );
  },
);
