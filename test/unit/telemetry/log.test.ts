import { expect, test } from "vitest";
import { createLog, errorLine, type LogLevel } from "../../../lib/telemetry/log.ts";

function logged(options: { readonly level?: LogLevel; readonly readable: boolean }) {
  const lines: string[] = [];
  const log = createLog({
    level: options.level ?? "info",
    readable: options.readable,
    write: (line) => lines.push(line),
  });
  return { log, lines };
}

test("writes one JSON object a line for machines", () => {
  const { log, lines } = logged({ readable: false });
  log.warn("relay closed the connection", { relay: "bsky.network", seq: 7 });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    level: "warn",
    msg: "relay closed the connection",
    relay: "bsky.network",
    seq: 7,
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
  });
});

test("writes readable lines for a terminal", () => {
  const { log, lines } = logged({ readable: true });
  log.error("batch failed", { reason: "deadlock", attempt: 2, nothing: null });
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d error batch failed · reason=deadlock attempt=2\n$/);
});

test("text from the network cannot move the terminal's cursor", () => {
  const { log, lines } = logged({ readable: true });
  log.info("handle \u001b[2J changed", { handle: "a\r\nb" });
  expect(lines[0]?.slice(0, -1)).not.toMatch(/\p{Cc}/u);
});

test("leaves out what is below its level", () => {
  const { log, lines } = logged({ level: "warn", readable: false });
  log.debug("no");
  log.info("no");
  log.warn("yes");
  expect(lines).toHaveLength(1);
});

test("an error's line holds its causes, each once", () => {
  const cause = new Error("connect ECONNREFUSED 127.0.0.1:5432");
  expect(errorLine(new Error("could not connect", { cause }))).toBe(
    "could not connect: connect ECONNREFUSED 127.0.0.1:5432",
  );
  expect(errorLine(new Error(`failed: ${cause.message}`, { cause }))).toBe(`failed: ${cause.message}`);
  expect(errorLine(new AggregateError([new Error("a"), new Error("b")]))).toBe("a, b");
});
