/** Guarantee 9: an event that kills its process stops killing it, and nothing beside it is lost. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { encodePack, type Pack } from "../../lib/core/pack.ts";
import { Account, likeOf, packOf } from "../support/account.ts";
import { projectRoot } from "../support/project-root.ts";
import { retryAll } from "../support/retry-all.ts";
import { createTestConsumer } from "../support/test-consumer.ts";
import { visibleState } from "../support/visible-state.ts";

const DEADLY = "3l3qo2vutsw2b";
const POST_KEY = "3l3qo2vuu2s2b";

/** How the process ended: its exit code, or the signal. */
async function live(connectionString: string, packs: readonly Pack[]): Promise<number | string> {
  const child = spawn(
    process.execPath,
    [join(projectRoot, "test/support/deadly-consumer.ts"), connectionString, DEADLY],
    {
      stdio: ["pipe", "ignore", "inherit"],
    },
  );
  for (const pack of packs.map(encodePack)) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(pack.length);
    child.stdin.write(Buffer.concat([length, pack]));
  }
  child.stdin.end();
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  return code ?? signal ?? "unknown";
}

it("sets aside the event in hand after three deaths of its pack, and applies its neighbours", async () => {
  const account = new Account("deadly");
  const before = account.commit({ action: "create", rkey: "3l3qo2vutaa2b", record: likeOf(POST_KEY) });
  const deadly = account.commit({ action: "create", rkey: DEADLY, record: likeOf(POST_KEY) });
  const after = account.commit({ action: "create", rkey: "3l3qo2vutzz2b", record: likeOf(POST_KEY) });
  const pack = packOf(before, deadly, after);
  await using consumer = await createTestConsumer();

  const lives: (number | string)[] = [];
  while (lives.at(-1) !== 0 && lives.length < 10) {
    lives.push(await live(consumer.connectionString, [pack]));
  }
  // Three deaths over the whole pack, one over the event alone, and then a life that sets it aside.
  expect(lives).toEqual(["SIGKILL", "SIGKILL", "SIGKILL", "SIGKILL", 0]);
  const { rows } = await consumer.store.pool.query("SELECT reason, state, rkey FROM dead_letters");
  expect(rows).toEqual([{ reason: "killed-its-process", state: "open", rkey: DEADLY }]);
  const likes = await consumer.store.pool.query<{ rkey: string }>("SELECT rkey FROM likes ORDER BY rkey");
  expect(likes.rows.map(({ rkey }) => rkey)).toEqual(["3l3qo2vutaa2b", "3l3qo2vutzz2b"]);
  expect((await consumer.store.pool.query("SELECT * FROM standpipe.mark")).rows).toEqual([]);

  expect(await retryAll(consumer)).toEqual([{ state: "closed" }]);
  await using undisturbed = await createTestConsumer();
  await undisturbed.consume(packOf(before, deadly, after));
  expect(await visibleState(consumer.store.pool)).toEqual(await visibleState(undisturbed.store.pool));
});

it("stays set aside when two ingesters have sent it, and both of their packs are in one batch again and again", async () => {
  const account = new Account("twice");
  const deadly = account.commit({ action: "create", rkey: DEADLY, record: likeOf(POST_KEY) });
  // The repo begins a new run with it, so that the event is no repeat when it comes again.
  const first = packOf(deadly, account.sync());
  const second = { ...first, header: { ...first.header, fence: first.header.fence + 1 } };
  await using consumer = await createTestConsumer();
  for (const batch of [[first, second], [second]]) {
    const lives: (number | string)[] = [];
    while (lives.at(-1) !== 0 && lives.length < 12) lives.push(await live(consumer.connectionString, batch));
    expect(lives.at(-1)).toBe(0);
    const { rows } = await consumer.store.pool.query("SELECT reason, state FROM dead_letters");
    expect(rows).toEqual([{ reason: "killed-its-process", state: "open" }]);
  }
});

it("does not count a failure that the process survived", async () => {
  const account = new Account("survivor");
  const pack = packOf(account.commit({ action: "create", rkey: DEADLY, record: likeOf(POST_KEY) }));
  await using consumer = await createTestConsumer();
  await consumer.store.pool.query(`ALTER TABLE standpipe."like" RENAME TO away`);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const life = consumer.reborn();
    await expect(life.consume(pack)).rejects.toMatchObject({ kind: "transient" });
    await life[Symbol.asyncDispose]();
  }
  await consumer.store.pool.query(`ALTER TABLE standpipe.away RENAME TO "like"`);
  await consumer.consume(pack);
  expect((await consumer.store.pool.query("SELECT rkey FROM likes")).rows).toEqual([{ rkey: DEADLY }]);
  expect((await consumer.store.pool.query("SELECT 1 FROM dead_letters")).rows).toEqual([]);
});
