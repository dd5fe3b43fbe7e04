/** Others on both sides of the stream: a reader that knows the established form alone, and a writer that never heard of ours. */
import type { Redis } from "ioredis";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { decodeMessage } from "../../lib/core/decode-event.ts";
import { encodeEntry } from "../../lib/core/entry-write.ts";
import { differences } from "../support/expected-end.ts";
import { recordedAtMs, recordedFrames } from "../support/recorded-frames.ts";
import { createRedisScene, startRedisProcess } from "../support/redis-scene.ts";
import { describeWithRedis, type RedisServer, startRedis } from "../support/redis-server.ts";
import { LAST_SEQ, startRelay } from "../support/unified-process.ts";

describeWithRedis("the established entries", () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  beforeEach(async () => {
    await server.client.flushall();
  });

  afterAll(() => server[Symbol.asyncDispose]());

  test("show every op of the recording to a reader that takes fields by their place and parses their JSON", async () => {
    await using scene = await createRedisScene(server);
    await using relay = await startRelay("--speed", "max");
    await using ingester = startRedisProcess(
      { ...scene.env, RELAY_URL: relay.url },
      "ingest",
      "--from",
      "oldest",
      "--exit-when-idle",
      "2",
    );
    await ingester.until(({ cursor }) => cursor === LAST_SEQ);
    // As the established dashboard reads them.
    const status = async (): Promise<unknown> => JSON.parse((await server.client.get("firehose:status")) ?? "null");
    // Written once a second.
    await expect
      .poll(status, { timeout: 20_000 })
      .toEqual({ connected: true, url: relay.url, currentCursor: expect.stringMatching(/^\d+$/) });
    const recent = await eventually(() => server.client.get("firehose:recent_events"));
    expect((JSON.parse(recent) as unknown[]).length).toBeLessThanOrEqual(50);
    await ingester.exit;
    const seen = await readAsOthersDo(server.client);
    expect(seen.ops).toEqual(recordedOps());
    expect(seen.lengths).toEqual(new Set([6]));
    expect(seen.seqs).toEqual(recordedFrames.map((_, index) => String(index + 1)));
    const metrics = await server.client.hgetall("cluster:metrics");
    expect(Number(metrics["totalEvents"])).toBe(LAST_SEQ);
    expect(Number(metrics["#commit"]) + Number(metrics["#identity"]) + Number(metrics["#account"])).toBe(LAST_SEQ);
  });

  test("of a writer that carries no rev are applied in their order, whoever was given them before, and once", async () => {
    await using scene = await createRedisScene(server);
    const { client } = server;
    const half = recordedFrames.length >> 1;
    await writeAsOthersDo(client, recordedFrames.slice(0, half));
    // The former worker took some, acknowledged fewer, and died.
    await client.xgroup("CREATE", "firehose:events", "firehose-processors", "0");
    await client.xreadgroup(
      "GROUP",
      "firehose-processors",
      "python-worker-1",
      "COUNT",
      300,
      "STREAMS",
      "firehose:events",
      ">",
    );
    await using first = startRedisProcess(scene.env, "work");
    await first.until(({ cursor }) => (cursor ?? 0) > half / 2);
    await first.kill("SIGKILL");
    await writeAsOthersDo(client, recordedFrames.slice(half));
    // All of it once more, as after a group that was made anew: what has been applied says what is a repeat.
    await using second = startRedisProcess(scene.env, "work");
    await second.until(({ cursor }) => cursor === LAST_SEQ);
    await client.xgroup("DESTROY", "firehose:events", "firehose-processors");
    await eventually(() => handledBy(client, "firehose-processors"));
    expect(await second.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    const faults = await faultsOf(scene.database.connectionString);
    expect(faults).toEqual([]);
  }, 120_000);
});

/** The group's last entry, once it has all been read and acknowledged; null before. */
async function handledBy(client: Redis, group: string): Promise<string | null> {
  const groups = (await client.xinfo("GROUPS", "firehose:events")) as unknown[][];
  const fields = groups.find((each) => each[1] === group) ?? [];
  const valueOf = (name: string): unknown => fields[fields.indexOf(name) + 1];
  const [newest] = await client.xrevrange("firehose:events", "+", "-", "COUNT", 1);
  const last = newest?.[0] ?? null;
  return valueOf("pending") === 0 && valueOf("last-delivered-id") === last ? last : null;
}

async function eventually(ask: () => Promise<string | null>): Promise<string> {
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Seen {
  readonly ops: readonly string[];
  readonly seqs: readonly string[];
  readonly lengths: ReadonlySet<number>;
}

/** Written from the contract alone: `fields[1]`, `[3]` and `[5]`. */
async function readAsOthersDo(client: Redis): Promise<Seen> {
  const [ops, seqs, lengths] = [[] as string[], [] as string[], new Set<number>()];
  for (const [, fields] of await client.xrange("firehose:events", "-", "+")) {
    const [type, data, seq] = [fields[1], fields[3], fields[5]];
    lengths.add(fields.length);
    seqs.push(seq ?? "");
    if (type !== "commit") continue;
    const { repo, ops: list } = JSON.parse(data ?? "") as {
      repo: string;
      ops: { action: string; path: string; cid?: string; record?: { $type?: string } }[];
    };
    for (const { action, path, cid, record } of list) {
      if (action !== "delete" && (cid === undefined || typeof record !== "object"))
        throw new Error(`no record: ${path}`);
      ops.push(`${action} at://${repo}/${path}`);
    }
  }
  return { ops, seqs, lengths };
}

function recordedOps(): string[] {
  return recordedFrames.flatMap((frame) => {
    const message = decodeMessage(frame, recordedAtMs);
    if (message.kind !== "event" || message.event.kind !== "commit") return [];
    const { did, ops } = message.event;
    return ops.map(({ action, collection, rkey }) => `${action} at://${did}/${collection}/${rkey}`);
  });
}

/** Only what the established writer says: no rev, no time, no #sync, records as plain JSON. */
async function writeAsOthersDo(client: Redis, frames: readonly Uint8Array[]): Promise<void> {
  const pipeline = client.pipeline();
  for (const frame of frames) {
    const message = decodeMessage(frame, recordedAtMs);
    if (message.kind !== "event" || message.event.kind === "sync") continue;
    const { type, data, seq } = encodeEntry(message.event, frame, { relay: "unused.test", epoch: 1 });
    const full = JSON.parse(data) as Record<string, unknown> & { ops?: Record<string, unknown>[] };
    const said = Object.fromEntries(
      ["repo", "did", "handle", "active", "status"].flatMap((key) => (key in full ? [[key, full[key]]] : [])),
    );
    const ops = full.ops?.map(({ action, path, cid, record }) => ({ action, path, cid, record }));
    const established = JSON.stringify({ ...said, ...(ops !== undefined && { ops }) });
    pipeline.xadd("firehose:events", "*", "type", type, "data", established, "seq", seq);
  }
  await pipeline.exec();
}

/** What plain JSON cannot give back is a dead letter, told with its reason, and missing: everything else has to be there. */
async function faultsOf(connectionString: string): Promise<string[]> {
  const pool = new pg.Pool({ connectionString, max: 1 });
  try {
    const { rows } = await pool.query<{ path: string }>(
      "SELECT did || '/' || collection || '/' || rkey || ':' AS path FROM standpipe.dead_letter WHERE reason = 'hash-mismatch'",
    );
    const known = rows.map(({ path }) => path);
    const found = await differences(pool);
    return found.filter(
      (fault) => !fault.startsWith("dead letter: hash-mismatch") && !known.some((path) => fault.startsWith(path)),
    );
  } finally {
    await pool.end();
  }
}
