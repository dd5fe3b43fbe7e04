import { expect, test } from "vitest";
import { quietAtFirst } from "../../../../bin/unified/quiet-log.ts";

test("keeps warnings at debug until the time is over or there is a connection, and errors never", () => {
  const told: string[] = [];
  const say = (level: string) => (message: string) => void told.push(`${level} ${message}`);
  const log = { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") };
  let now = 1_000;
  let connected = false;
  const quiet = quietAtFirst(log, { forMs: 500, isConnected: () => connected, nowMs: () => now });
  quiet.warn("one");
  quiet.error("two");
  quiet.info("three");
  connected = true;
  quiet.warn("four");
  connected = false;
  now = 1_500;
  quiet.warn("five");
  expect(told).toEqual(["debug one", "error two", "info three", "warn four", "warn five"]);
});
