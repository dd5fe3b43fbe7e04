import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../../../lib/config/configuration-error.ts";
import { chosenStream, readSettings } from "../../../lib/config/read-settings.ts";

function problemOf(environment: Record<string, string>, command: "start" | "work" = "start"): string {
  try {
    readSettings(command, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error("was taken");
}

describe("readSettings", () => {
  test("gives the contract's defaults where nothing is set", () => {
    expect(readSettings("start", {})).toMatchObject({
      RELAY_URL: ["wss://bsky.network"],
      DATABASE_URL: null,
      DB_POOL_SIZE: 4,
      COLLECTIONS: ["*"],
      LANES: 8,
      DATABASE_SCHEMA: "public",
      PORT: 8080,
      STANDPIPE_DATA_DIR: ".standpipe",
      LOG_LEVEL: "info",
    });
    expect(readSettings("work", {})).toMatchObject({
      REDIS_URL: null,
      REDIS_STREAM_KEY: "firehose:events",
      REDIS_CONSUMER_GROUP: "firehose-processors",
      REDIS_MAX_STREAM_LEN: 500_000,
      REDIS_FORMAT: "events",
      BATCH_SIZE: 500,
      PARALLEL_CONSUMERS: 4,
    });
    expect(readSettings("ingest", {})).toMatchObject({
      REDIS_CURSOR_KEY: "firehose:cursor",
      REDIS_TRIM: "handled",
      REDIS_PROTECT_GROUPS: "own",
    });
  });

  test("takes an empty variable for one that is not set", () => {
    expect(readSettings("start", { LANES: "", DATABASE_URL: "  " })).toMatchObject({ LANES: 8, DATABASE_URL: null });
  });

  test("does not look at settings of other processes", () => {
    expect(() => readSettings("migrate", { LANES: "abc" })).not.toThrow();
  });

  test.each([
    ["LANES", "abc", "LANES=abc: must be a whole number from 1 to 4096"],
    ["LANES", "0", "LANES=0: must be a whole number from 1 to 4096"],
    ["LANES", "8.5", "LANES=8.5: must be a whole number from 1 to 4096"],
    ["LANES", "4097", "LANES=4097: must be a whole number from 1 to 4096"],
    ["PORT", "65536", "PORT=65536: must be a whole number from 0 to 65535"],
    ["PORT", "-1", "PORT=-1: must be a whole number from 0 to 65535"],
    ["DB_POOL_SIZE", "1e1", "DB_POOL_SIZE=1e1: must be a whole number from 1 to 100"],
    [
      "RELAY_URL",
      "bsky.network",
      "RELAY_URL=bsky.network: must be a wss:// or ws:// address (https:// and http:// mean the same)",
    ],
    ["RELAY_URL", "wss://a.example,,", "RELAY_URL=wss://a.example,,: must be"],
    ["RELAY_URL", "wss://a.example?cursor=1", "RELAY_URL=wss://a.example?cursor=1: must be"],
    ["RELAY_URL", "ftp://a.example", "RELAY_URL=ftp://a.example: must be"],
    ["RELAY_URL", "wss://user:hunter2@a.example", "RELAY_URL=wss://***@a.example: must be"],
    ["LOG_LEVEL", "loud", "LOG_LEVEL=loud: must be one of debug, info, warn (or warning), error, silent, in any case"],
    ["DATABASE_SCHEMA", 'a"; DROP', "DATABASE_SCHEMA=a\"; DROP: must be a schema's name"],
    ["DATABASE_SCHEMA", "standpipe", "DATABASE_SCHEMA=standpipe: must be a schema's name"],
    ["DATABASE_SCHEMA", "pg_foo", "not standpipe, information_schema or pg_…"],
    ["DATABASE_SCHEMA", "information_schema", "not standpipe, information_schema or pg_…"],
    ["DATABASE_SCHEMA", "Mine", "lower-case letters, digits and underscores, 63 at the most, no digit first"],
    ["COLLECTIONS", "app.bsky.feed.po*", "COLLECTIONS=app.bsky.feed.po*: must be * or collections"],
    ["COLLECTIONS", "app.*.post", "COLLECTIONS=app.*.post: must be"],
    ["COLLECTIONS", "post", "COLLECTIONS=post: must be"],
    ["COLLECTIONS", "app.bsky.feed.post,", "COLLECTIONS=app.bsky.feed.post,: must be"],
  ])("%s=%s is refused with its name, what was given and what is allowed", (name, given, line) => {
    expect(problemOf({ [name]: given })).toContain(line);
  });

  test("keeps the line one line, whatever was given", () => {
    const problem = problemOf({ LANES: `1\n2\u001b[2J${"9".repeat(1000)}` });
    expect(problem).not.toMatch(/\p{Cc}/u);
    expect(problem.length).toBeLessThan(200);
  });

  test.each([["DATABASE_URL"], ["REDIS_URL"]])("%s is never printed", (name) => {
    expect(problemOf({ [name]: "mysql://me:hunter2@host/db" }, "work")).toMatch(
      new RegExp(`^${name} \\(not shown here\\): must be an address such as (?!.*hunter2)`),
    );
  });

  test.each([
    ["info", "info"],
    ["INFO", "info"],
    ["Warning", "warn"],
    ["WARN", "warn"],
    ["error", "error"],
  ])("LOG_LEVEL=%s is %s", (given, level) => {
    expect(readSettings("start", { LOG_LEVEL: given }).LOG_LEVEL).toBe(level);
  });

  test("reads a comma list of relays, each once", () => {
    const given = "wss://a.example, ws://127.0.0.1:2470 ,https://b.example/relay,wss://a.example";
    expect(readSettings("start", { RELAY_URL: given }).RELAY_URL).toEqual([
      "wss://a.example",
      "ws://127.0.0.1:2470",
      "https://b.example/relay",
    ]);
  });

  test("reads patterns of collections", () => {
    const given = "app.bsky.feed.*, app.bsky.graph.follow,com.*";
    expect(readSettings("start", { COLLECTIONS: given }).COLLECTIONS).toEqual([
      "app.bsky.feed.*",
      "app.bsky.graph.follow",
      "com.*",
    ]);
  });
});

describe("chosenStream", () => {
  const none = { STREAM: null, REDIS_URL: null, KINESIS_STREAM_NAME: null };

  test("is inferred from the one address that is set", () => {
    expect(chosenStream("work", { ...none, REDIS_URL: "redis://x" })).toBe("redis");
    expect(chosenStream("work", { ...none, KINESIS_STREAM_NAME: "x" })).toBe("kinesis");
    expect(chosenStream("work", { STREAM: "kinesis", REDIS_URL: "redis://x", KINESIS_STREAM_NAME: "x" })).toBe(
      "kinesis",
    );
  });

  test.each([
    ["nothing is set", none, "ingest needs a stream: set REDIS_URL or KINESIS_STREAM_NAME"],
    ["both are set", { ...none, REDIS_URL: "redis://x", KINESIS_STREAM_NAME: "x" }, "STREAM is not set"],
    [
      "the named one is not set",
      { ...none, STREAM: "redis" as const, KINESIS_STREAM_NAME: "x" },
      "STREAM=redis: needs REDIS_URL",
    ],
  ])("is refused where %s", (_, settings, line) => {
    expect(() => chosenStream("ingest", settings)).toThrow(line);
  });
});
