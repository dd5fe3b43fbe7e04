/** What bad input gets, end to end: what can be trusted is kept with its bytes, what cannot is a dead letter, and the neighbours go on. */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cidText, digestOf } from "../../lib/core/cid.ts";
import { decodeMessage } from "../../lib/core/decode-event.ts";
import type { CommitEvent, FirehoseEvent } from "../../lib/core/event.ts";
import { differences } from "../support/expected-end.ts";
import { projectRoot } from "../support/project-root.ts";
import { type Block, frameWhere, frameWithCar, recordedAtMs } from "../support/recorded-frames.ts";
import { inBatches, packsOf, recordedEvents } from "../support/recorded-packs.ts";
import { runCommand } from "../support/run-command.ts";
import { temporaryTree } from "../support/temporary-tree.ts";
import { createTestConsumer } from "../support/test-consumer.ts";

test("records that their table cannot take are kept: the very bytes, and what the problem is", async () => {
  await using consumer = await createTestConsumer();
  for (const batch of inBatches(packsOf(recordedEvents(), { size: () => 60 }), 8)) await consumer.consume(...batch);
  const { rows } = await consumer.store.pool.query<{ cid: string; problem: string; cbor: Buffer }>(
    "SELECT cid, problem, cbor FROM generic_records WHERE problem IS NOT NULL",
  );
  const kinds = new Set(rows.map(({ problem }) => problem));
  expect([...kinds]).toEqual(
    expect.arrayContaining([
      "rkey is no TID",
      "$type is another than the collection",
      "$type is missing",
      "field text is missing",
      "field createdAt is no text",
      expect.stringMatching(/^no DAG-CBOR: .* at byte \d+$/),
    ]),
  );
  expect(rows.filter(({ cid, cbor }) => cidText(digestOf(cbor)) !== cid)).toEqual([]);
  const odd = await consumer.store.pool.query(
    `SELECT max(length(text)) > 900000 AS longest, bool_or(text LIKE '%' || chr(65533) || '%') AS had_nul,
       min(created_at) < '0002-01-01' AS earliest, max(created_at) > '9999-01-01' AS latest FROM posts`,
  );
  expect(odd.rows).toEqual([{ longest: true, had_nul: true, earliest: true, latest: true }]);
  expect(await differences(consumer.store.pool)).toEqual([]);
});

/** Creates with a block each: equal records share one. */
const hasSiblings = (event: FirehoseEvent): event is CommitEvent =>
  event.kind === "commit" &&
  event.ops.length > 2 &&
  event.ops.every(({ action }) => action === "create") &&
  new Set(event.ops.map(({ record }) => Buffer.from(record ?? []).toString("hex"))).size === event.ops.length;

/** The recorded frame with the block of its first op spoiled. */
function spoil(frame: Uint8Array, change: (block: Block) => readonly Block[]): Uint8Array {
  const [first] = commitOf(frame).ops;
  const digest = Buffer.from(digestOf(first?.record ?? new Uint8Array()));
  return frameWithCar(frame, ({ header, blocks }) => ({
    header,
    blocks: blocks.flatMap((block) => (digest.equals(block.cid.subarray(-32)) ? change(block) : [block])),
  }));
}

function commitOf(frame: Uint8Array): CommitEvent {
  const message = decodeMessage(frame, recordedAtMs);
  if (message.kind !== "event" || message.event.kind !== "commit") throw new Error("not a commit");
  return message.event;
}

test.each([
  { reason: "missing-block", change: () => [] },
  {
    reason: "hash-mismatch",
    change: ({ cid, data }: Block) => [{ cid, data: data.map((byte, index) => (index === 5 ? byte ^ 1 : byte)) }],
  },
])("an op with $reason is a dead letter with its frame; siblings and batch go on", async ({ reason, change }) => {
  const original = frameWhere(hasSiblings);
  const frame = spoil(original, change);
  const bad = commitOf(frame);
  const neighbours = recordedEvents().filter(({ kind, did }) => kind === "commit" && did !== bad.did);
  await using consumer = await createTestConsumer();
  await consumer.consume(
    ...packsOf([...neighbours.slice(0, 20), bad, ...neighbours.slice(20, 40)], { size: () => 100 }),
  );
  const letters = await consumer.store.pool.query<{ reason: string; rkey: string; bytes: Buffer }>(
    "SELECT reason, rkey, bytes FROM dead_letters",
  );
  expect(letters.rows.map(({ reason: why, rkey }) => [why, rkey])).toEqual([[reason, bad.ops[0]?.rkey]]);
  expect(letters.rows[0]?.bytes.equals(frame)).toBe(true);
  const { rows: siblings } = await consumer.store.pool.query<{ rkey: string }>(
    "SELECT rkey FROM all_records WHERE did = $1 ORDER BY rkey",
    [bad.did],
  );
  expect(siblings.map(({ rkey }) => rkey)).toEqual(
    bad.ops
      .slice(1)
      .map(({ rkey }) => rkey)
      .toSorted(),
  );
  const { rows: applied } = await consumer.store.pool.query<{ did: string }>("SELECT DISTINCT did FROM all_records");
  const wanted = neighbours.slice(0, 40).filter((event) => event.kind === "commit" && event.ops.length > 0);
  expect(applied.map(({ did }) => did)).toEqual(expect.arrayContaining(wanted.map(({ did }) => did)));
});

describe("a recording that cannot be served ends the relay with 2 and one line", () => {
  const whole = readFileSync(join(projectRoot, "test/fixtures/network.spr"));

  test.each([
    ["cut short", whole.subarray(0, 5_000), "recording is cut short at byte 5000: "],
    ["cut at its end", whole.subarray(0, -1), `recording is cut short at byte ${whole.length - 1}: `],
    ["no recording", Buffer.from("# Standpipe\n".repeat(9)), "not a recording: .* is not at byte 0"],
    ["empty", Buffer.alloc(0), "not a recording: .* at byte 0"],
    ["longer than itself", Buffer.concat([whole, whole]), `recording goes on after its end at byte ${whole.length}`],
    ["damaged", whole.with(9_000, (whole[9_000] ?? 0) ^ 1), "checksum of block 'f' at byte 196 does not match"],
  ])("where it is %s", async (_, bytes, line) => {
    await using tree = await temporaryTree({});
    const path = join(tree.root, "network.spr");
    await writeFile(path, bytes);
    const { code, out, err } = await runCommand(["relay", "--replay", path, "--port", "0"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(new RegExp(`^standpipe: ${line}[^\\n]*$`));
  });

  test("where there is none", async () => {
    const { code, err } = await runCommand(["relay", "--replay", "/nowhere/network.spr", "--port", "0"]);
    expect(code).toBe(2);
    expect(err).toMatch(/^standpipe: recording cannot be read at byte 0: ENOENT[^\n]*$/);
  });
});
