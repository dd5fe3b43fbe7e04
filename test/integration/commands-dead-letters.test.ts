import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodeMessage } from "../../lib/core/decode-event.ts";
import { frameWhere, isCreate, recordedAtMs } from "../support/recorded-frames.ts";
import { packsOf } from "../support/recorded-packs.ts";
import { type EndedCommand, runCommand } from "../support/run-command.ts";
import { createTestConsumer, type TestConsumer } from "../support/test-consumer.ts";

let consumer: TestConsumer;

beforeEach(async () => {
  consumer = await createTestConsumer();
});
afterEach(() => consumer[Symbol.asyncDispose]());

const run = (...args: string[]): Promise<EndedCommand> =>
  runCommand(["dead-letters", ...args], { DATABASE_URL: consumer.connectionString });

/** A real commit that seemed to come from the future when it was received, which a later look mends. */
async function makeEarlyLetter(): Promise<string> {
  const message = decodeMessage(frameWhere(isCreate), recordedAtMs - 30 * 86_400_000);
  if (message.kind !== "event") throw new Error("the frame is no event");
  await consumer.consume(...packsOf([message.event], { size: () => 1 }));
  return lastId();
}

/** One whose bytes were not kept: nothing mends it. */
async function makeLostLetter(): Promise<string> {
  await consumer.store.pool.query(
    `INSERT INTO standpipe.dead_letter (digest, scope, reason, detail, relay, epoch, did, collection, rkey)
     VALUES ('\\x01', 'op', 'missing-block', 'no block for its cid', 'relay.test', 1, 'did:plc:lost', 'app.bsky.feed.post', 'x')`,
  );
  return lastId();
}

async function lastId(): Promise<string> {
  const { rows } = await consumer.store.pool.query<{ id: string }>("SELECT max(id) AS id FROM standpipe.dead_letter");
  return rows[0]?.id ?? "";
}

const rowCount = async (): Promise<number> =>
  (await consumer.store.pool.query("SELECT 1 FROM all_records")).rowCount ?? 0;

describe("dead-letters list", () => {
  test("says so where there are none", async () => {
    expect(await run("list")).toMatchObject({ code: 0, out: "no open dead letters" });
  });

  test("shows each with its id, reason and place, as a table and as JSON", async () => {
    const id = await makeLostLetter();
    const table = await run("list");
    expect(table.code).toBe(0);
    expect(table.out).toMatch(
      new RegExp(`^ *${id} .*missing-block  at://did:plc:lost/app.bsky.feed.post/x .*no block`, "m"),
    );
    const json = await run("list", "--json");
    expect(JSON.parse(json.out)).toMatchObject([
      { id, reason: "missing-block", uri: "at://did:plc:lost/app.bsky.feed.post/x" },
    ]);
  });
});

describe("dead-letters retry", () => {
  test("applies what can be applied now, and ends with 0", async () => {
    const id = await makeEarlyLetter();
    expect(await rowCount()).toBe(0);
    expect(await run("retry", id)).toMatchObject({ code: 0, out: `${id}  applied\n1 of 1 closed` });
    expect(await rowCount()).toBe(1);
    expect(await run("retry", id)).toMatchObject({ code: 1, out: `${id}  is not open: applied\n0 of 1 closed` });
  });

  test("keeps what still fails, with the answer, and ends with 1; the others go on", async () => {
    const lost = await makeLostLetter();
    const early = await makeEarlyLetter();
    const { code, out } = await run("retry", "--all");
    expect(code).toBe(1);
    expect(out).toBe(`${lost}  still failing: no bytes were kept\n${early}  applied\n1 of 2 closed`);
    expect((await run("list")).out).toContain("no bytes were kept");
  });

  test("refuses what is older than its deletes are remembered, unless forced", async () => {
    const id = await makeEarlyLetter();
    await consumer.store.pool.query("UPDATE standpipe.dead_letter SET written_at = now() - interval '5 days'");
    const refused = await run("retry", id);
    expect(refused.code).toBe(1);
    expect(refused.out).toMatch(/refused: it is 5 days old.*--force/);
    expect(await run("retry", id, "--force")).toMatchObject({ code: 0, out: `${id}  applied\n1 of 1 closed` });
  });

  test("tells ids that there are not", async () => {
    expect(await run("retry", "4711")).toMatchObject({
      code: 1,
      out: expect.stringContaining("4711  there is no dead letter of this id"),
    });
  });

  test.each([
    [["retry"], /name ids, or say --all/],
    [["retry", "1", "--all"], /not both/],
    [["retry", "one"], /ids must be whole numbers/],
  ])("%j is wrong use", async (args, line) => {
    const { code, err } = await run(...args);
    expect(code).toBe(2);
    expect(err).toMatch(line);
  });
});
