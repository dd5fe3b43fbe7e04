import { describe, expect, test } from "vitest";
import { type EndedCommand, runCommand } from "../../support/run-command.ts";

const run = (...args: string[]): Promise<EndedCommand> => runCommand(args);

const COMMANDS = ["start", "ingest", "work", "migrate", "status", "sql", "dead-letters", "relay"] as const;

describe("help", () => {
  test("names every command of the contract, and the exit codes", async () => {
    const { code, out } = await run("--help");
    expect(code).toBe(0);
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    expect(out).toContain("0 done, 1 failed, 2 wrong use or configuration");
  });

  test.each([...COMMANDS.map((command) => [command]), ["dead-letters", "list"], ["dead-letters", "retry"]])(
    "%s %s has a help of its own with an example",
    async (...command) => {
      const { code, out } = await run(...command.filter((word) => word !== undefined), "--help");
      expect(code).toBe(0);
      expect(out).toContain(`standpipe ${command.join(" ").trim()}`);
      expect(out).toMatch(/Examples?:\n {2}\$ /);
    },
  );

  test("--version prints the package's", async () => {
    expect((await run("--version")).out).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe("wrong use is exit code 2, told on standard error only", () => {
  test.each([
    ["no command at all", [], /Usage: standpipe/],
    ["an unknown command", ["strat"], /^standpipe: unknown command 'strat' \(Did you mean start\?\)/],
    ["an unknown option", ["start", "--nope"], /unknown option '--nope'/],
    ["two options that exclude each other", ["start", "--demo", "--no-demo"], /--demo .*--no-demo/],
    ["one argument too many", ["migrate", "now"], /too many arguments/],
    ["no SQL", ["sql"], /missing required argument/],
    ["an option without its value", ["start", "--exit-when-idle"], /argument missing/],
    ["a value that is none", ["start", "--exit-when-idle", "soon"], /number of seconds/],
    ["a relay without a recording", ["relay"], /--replay/],
    ["no subcommand", ["dead-letters"], /Usage: standpipe dead-letters/],
    ["ingest without a stream", ["ingest"], /ingest needs a stream: set REDIS_URL or KINESIS_STREAM_NAME/],
    ["work without a stream", ["work"], /work needs a stream: set REDIS_URL or KINESIS_STREAM_NAME/],
  ])("%s", async (_, args, line) => {
    const { code, out, err } = await run(...args);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toMatch(line);
    // Without a command the help itself is the answer.
    if (!err.startsWith("Usage: ")) expect(err.split("\n")).toHaveLength(1);
  });
});
