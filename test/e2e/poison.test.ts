/** Packs that cannot be read, and one whose event kills every process that works on it. */
import { PutRecordCommand } from "@aws-sdk/client-kinesis";
import { Client } from "pg";
import { expect, test, vi } from "vitest";
import { encodePack, type Pack } from "../../lib/core/pack.ts";
import { parseTid } from "../../lib/core/tid.ts";
import { laneKeys } from "../../lib/stream/kinesis/lane-keys.ts";
import { expectedRepos } from "../support/expected-end.ts";
import { createKinesisReader } from "../support/kinesis-reader.ts";
import { LANES, recordedEvents } from "../support/recorded-packs.ts";
import { runCommand } from "../support/run-command.ts";
import { sharedServers } from "./servers.ts";
import { startWay, type Way } from "./way.ts";
import { faultsOf } from "./whole-end.ts";

const servers = sharedServers();
const ABORT_ON_BYTES = new URL("abort-on-bytes.ts", import.meta.url).href;
const LIKE = "app.bsky.feed.like";

async function put(way: Way, data: Uint8Array, lane: number): Promise<void> {
  const { partitionKey, explicitHashKey } = laneKeys({ lane, lanes: LANES });
  const place = { StreamName: way.scene.streamName, PartitionKey: partitionKey, ExplicitHashKey: explicitHashKey };
  await way.streamClient.send(new PutRecordCommand({ ...place, Data: data }));
}

async function letters(way: Way): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new Client({ connectionString: way.database.connectionString });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(
      "SELECT reason, scope, state, collection, rkey, bytes FROM dead_letters ORDER BY id",
    );
    return rows;
  } finally {
    await client.end();
  }
}

test("poison packs: bytes that are none, and one that is damaged, end as a dead letter each, and nothing else does", async () => {
  await using way = await startWay({ servers: servers(), settings: { batchingWindowMs: 500 } });
  await using ingester = way.ingest();
  const [first] = await createKinesisReader({ client: way.streamClient, streamName: way.scene.streamName }).until(1);
  const pack = (first as { readonly pack: Pack }).pack;
  const noPack = Buffer.from("this is no pack");
  const damaged = encodePack({ ...pack, body: new Uint8Array(pack.body.length).fill(0xff) });
  await put(way, noPack, 3);
  await put(way, damaged, pack.header.lane);
  expect(await ingester.exit).toEqual({ code: 0, signal: null });
  await way.mapping.caughtUp();
  const found = await letters(way);
  expect(found).toHaveLength(2);
  expect(found).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ reason: "unreadable-pack", scope: "pack", state: "open", bytes: noPack }),
      expect.objectContaining({ reason: "unreadable-pack", scope: "pack", state: "open", bytes: Buffer.from(damaged) }),
    ]),
  );
  expect((await faultsOf(way, servers())).filter((line) => !line.startsWith("dead letter: unreadable-pack: "))).toEqual(
    [],
  );
});

/** A like that is alone in its commit and stays to the end, so that nothing else of the network sends its key; from the middle of the recording. */
async function lastingLike(): Promise<{ readonly did: string; readonly rkey: string; readonly key: Buffer }> {
  const lasting = new Set(
    (await expectedRepos()).flatMap(({ did, records }) => Array.from(records.keys(), (path) => `${did}/${path}`)),
  );
  const events = recordedEvents();
  for (const event of events.slice(events.length >> 1)) {
    if (event.kind !== "commit" || event.ops.length !== 1) continue;
    const [op] = event.ops;
    const tid = op?.collection === LIKE ? parseTid(op.rkey) : undefined;
    if (op === undefined || tid === undefined || tid === event.rev) continue;
    if (!lasting.has(`${event.did}/${LIKE}/${op.rkey}`)) continue;
    const key = Buffer.alloc(8);
    key.writeBigInt64BE(tid);
    return { did: event.did, rkey: op.rkey, key };
  }
  throw new Error("the recording has no such like");
}

test("a pack on which the bundle aborts its process: one dead letter, its neighbours applied, and whole again after a retry", async () => {
  const { did, rkey, key } = await lastingLike();
  await using way = await startWay({
    servers: servers(),
    settings: { batchingWindowMs: 500 },
    preload: [ABORT_ON_BYTES],
    environment: { ABORT_ON_BYTES: key.toString("hex") },
  });
  await using ingester = way.ingest();
  expect(await ingester.exit).toEqual({ code: 0, signal: null });
  await way.mapping.caughtUp();
  const deaths = way.calls.filter(({ invocation }) => invocation.kind === "function-error");
  // Three over the pack in different company, one over the event alone.
  expect(deaths.map(({ invocation }) => "type" in invocation && invocation.type)).toEqual(
    Array(4).fill("Runtime.ExitError"),
  );
  expect(await letters(way)).toMatchObject([{ reason: "killed-its-process", state: "open", collection: LIKE, rkey }]);
  const missing = (await faultsOf(way, servers())).filter((line) => !/^(dead letter|counter)/.test(line));
  expect(missing).toEqual([`${did}/${LIKE}/${rkey}: missing`]);
  const settings = { DATABASE_URL: way.database.connectionString, LOG_LEVEL: "silent" };
  expect(await runCommand(["dead-letters", "retry", "--all"], settings)).toMatchObject({ code: 0 });
  expect(await letters(way)).toMatchObject([{ state: "applied", rkey }]);
  expect(
    (await faultsOf(way, servers())).filter((line) => !line.startsWith("dead letter: killed-its-process")),
  ).toEqual([]);
});

test("a function killed in the middle of its transaction, twice: what it had in hand comes again, and is no dead letter", async () => {
  await using way = await startWay({ servers: servers(), settings: { batchingWindowMs: 500 } });
  await using ingester = way.ingest();
  const client = new Client({ connectionString: way.database.connectionString });
  await client.connect();
  try {
    for (let deaths = 1; deaths <= 2; deaths += 1) {
      const before = way.mapping.done;
      await vi.waitFor(() => expect(way.mapping.done).toBeGreaterThan(before), { timeout: 60_000 });
      await client.query("BEGIN; LOCK TABLE standpipe.actor IN ACCESS EXCLUSIVE MODE");
      await vi.waitFor(() => waitsForLock(client), { timeout: 60_000, interval: 50 });
      expect(way.fn.killWorking()).toBeGreaterThan(0);
      await client.query("ROLLBACK");
    }
  } finally {
    await client.end();
  }
  expect(await ingester.exit).toEqual({ code: 0, signal: null });
  await way.mapping.caughtUp();
  const deaths = way.calls.filter(({ invocation }) => invocation.kind === "function-error");
  expect(deaths.length).toBeGreaterThanOrEqual(2);
  expect(await faultsOf(way, servers())).toEqual([]);
});

/** A transaction of the function has begun and cannot go on. */
async function waitsForLock(client: Client): Promise<void> {
  const { rows } = await client.query<{ waiting: number }>(
    `SELECT count(*)::int AS waiting FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'standpipe'`,
  );
  expect(rows[0]?.waiting).toBeGreaterThan(0);
}
