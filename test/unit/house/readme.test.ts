import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { projectRoot } from "../../support/project-root.ts";

const readme = readFileSync(join(projectRoot, "README.md"), "utf8");
const ciRun = readFileSync(join(projectRoot, ".ci/run"), "utf8");

/** Lines of the shell blocks, in order, without comments. */
const commands = [...readme.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```/gm)]
  .flatMap(([, block = ""]) => block.split("\n"))
  .map((line) =>
    line
      .replace(/^\$ /, "")
      .replace(/\s+#.*$/, "")
      .trim(),
  )
  .filter((line) => line !== "");

it("the README begins with the command that starts, and then the one that tests", () => {
  expect(commands.slice(0, 2)).toEqual(["npm ci && npm start", "npm ci && npm test"]);
});

it("CI ends with the README's test command", () => {
  expect(ciRun.trimEnd().split("\n").at(-1)).toBe(commands[1]);
});
