/** What the README says to type works, on the recorded network. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { statusLine } from "../../lib/telemetry/status-line.ts";
import { projectRoot } from "../support/project-root.ts";
import { inBatches, packsOf, recordedEvents } from "../support/recorded-packs.ts";
import { runCommand } from "../support/run-command.ts";
import { createTestConsumer, type TestConsumer } from "../support/test-consumer.ts";

const readme = readFileSync(join(projectRoot, "README.md"), "utf8");

let consumer: TestConsumer;

beforeAll(async () => {
  consumer = await createTestConsumer();
  for (const packs of inBatches(packsOf(recordedEvents(), { size: () => 100 }), 8)) await consumer.consume(...packs);
});

afterAll(async () => {
  await consumer[Symbol.asyncDispose]();
});

/** Arguments after `npx standpipe`, of lines in shell blocks; an argument in single quotes is one. */
const commands = Array.from(readme.matchAll(/^npx standpipe (.+)$/gm), ([, line = ""]) => ({
  line,
  args: Array.from(line.matchAll(/'([^']*)'|\S+/g), ([word, quoted]) => quoted ?? word),
}));

describe("the README", () => {
  it("shows some commands", () => {
    expect(commands.length).toBeGreaterThanOrEqual(4);
  });

  it.each(commands)("standpipe $line", async ({ args }) => {
    const environment = {
      DATABASE_URL: consumer.connectionString,
      STANDPIPE_DATA_DIR: join(inject("scratchDir"), "readme"),
      // Nobody answers there.
      PORT: "1",
    };
    const { code, out } = await runCommand(args, environment);
    expect(code).toBe(0);
    expect(out).not.toBe("");
  });

  it("names commands and options that there are", async () => {
    const [, table = ""] = /## Commands\n([\s\S]*?)\n`--help`/.exec(readme) ?? [];
    const named = Array.from(table.matchAll(/^\| `standpipe ([a-z-]+)/gm), ([, name = ""]) => name);
    expect(named).toEqual([
      "start",
      "ingest",
      "work",
      "poll",
      "status",
      "sql",
      "dead-letters",
      "compare",
      "redrive",
      "rewind",
      "migrate",
      "relay",
    ]);
    for (const name of named) expect((await runCommand([name, "--help"])).code).toBe(0);
    expect((await runCommand(["start", "--help"])).out).toContain("--demo");
  });

  it("shows the status line as it is", () => {
    const line = statusLine({
      version: "",
      command: "start",
      relay: "bsky.network",
      connected: true,
      relayTrouble: null,
      databaseConnected: true,
      databaseTrouble: null,
      cursor: 31_527_015_322,
      epoch: 1,
      receivedSeq: null,
      lagSeconds: 0.4,
      eventsPerSecond: 512,
      bytesInFlight: 0,
      rows: 1_204_332,
      deadLetters: 0,
      gaps: 0,
      rssBytes: 143e6,
      uptimeSeconds: 0,
      counters: {},
    });
    expect(readme).toContain(`\n${line}\n`);
  });

  it("says how much the recording holds", () => {
    const events = recordedEvents();
    const accounts = new Set(events.map(({ did }) => did));
    expect(readme).toContain(`(${events.length.toLocaleString("en-US")} events of ${accounts.size} accounts)`);
  });

  it("names settings that there are", () => {
    const settings = readFileSync(join(projectRoot, "docs/configuration.md"), "utf8");
    for (const [, name = ""] of readme.matchAll(/^\| `([A-Z_]+)`/gm)) expect(settings).toContain(`| \`${name}\``);
  });
});
