/** A database away for longer than records may wait: what went to the bucket meanwhile is put on the stream again, long after its successors. */
import { expect, test, vi } from "vitest";
import { decodePack, type PackHeader } from "../../lib/core/pack.ts";
import type { IngesterProcess } from "../support/aws-scene.ts";
import type { MappingEvent } from "../support/event-source-mapping/port.ts";
import { createKinesisReader } from "../support/kinesis-reader.ts";
import { recordedFrames } from "../support/recorded-frames.ts";
import { runCommand } from "../support/run-command.ts";
import { type ScriptedRelay, startScriptedRelay } from "../support/scripted-relay.ts";
import { sharedServers } from "./servers.ts";
import { startWay, type Way } from "./way.ts";
import { faultsOf } from "./whole-end.ts";

const servers = sharedServers();
const LATER_PACKS = 100;
/** 36 hours as it is deployed, and a minute at the least on AWS. */
const SHORT_AGE_MS = 200;
/** Events that are given to the ingester together, some of each lane. */
const PORTION = 40;

/** Each portion when the one before is in the stream: each is a pack of most lanes, however fast the machine is. */
async function feed(
  relay: ScriptedRelay,
  ingester: IngesterProcess,
  frames: { from: number; to: number },
): Promise<void> {
  for (let at = frames.from; at < frames.to; at += PORTION) {
    const portion = recordedFrames.slice(at, Math.min(at + PORTION, frames.to));
    for (const frame of portion) relay.connections[0]?.socket.send(frame);
    // The recording counts from 1 on and leaves nothing out.
    await ingester.until(({ cursor }) => (cursor ?? 0) >= at + portion.length);
  }
}

test(`packs that went to the bucket while ${LATER_PACKS} later ones of their lane were applied: redriven, nothing is missing`, async () => {
  await using relay = await startScriptedRelay({});
  await using way = await startWay({
    servers: servers(),
    relay,
    flushAfterMs: 50,
    settings: { batchingWindowMs: 0 },
    pacing: { retryAfterMs: () => 20 },
  });
  await using ingester = way.ingest({ exitWhenIdle: false });
  await vi.waitFor(() => expect(relay.connections).toHaveLength(1), { timeout: 60_000 });
  await feed(relay, ingester, { from: 0, to: 10 * PORTION });
  await way.mapping.caughtUp();
  await way.databasePort.shut();
  await feed(relay, ingester, { from: 10 * PORTION, to: 11 * PORTION });
  way.mapping.update({ maximumRecordAgeMs: SHORT_AGE_MS });
  await way.mapping.caughtUp();
  expect(way.failedBatches()).not.toEqual([]);
  way.mapping.update({ maximumRecordAgeMs: way.deployed.mapping.maximumRecordAgeMs });
  await way.databasePort.open();
  await feed(relay, ingester, { from: 11 * PORTION, to: recordedFrames.length });
  expect(await ingester.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  await way.mapping.caughtUp();

  const failed = failedPacks(way);
  expect(await mostLaterPacks(way, failed)).toBeGreaterThanOrEqual(LATER_PACKS);
  expect((await faultsOf(way, servers())).filter((line) => line.endsWith(": missing"))).not.toEqual([]);

  const settings = { ...way.scene.env, AWS_ENDPOINT_URL_KINESIS: way.stream.endpoint, LOG_LEVEL: "silent" };
  const redriven = await runCommand(["redrive", "--from", `s3://${way.failureBucket}/aws/lambda/`], settings);
  expect(redriven).toMatchObject({ code: 0, err: "" });
  expect(way.failedBatches()).toEqual([]);
  await way.mapping.caughtUp();
  const left = await faultsOf(way, servers());
  // What has come out of order stays counted, and the ledger keeps that packs were missing for a while; nothing else is left.
  expect(left.filter((line) => !/^(gap|broken chain): /.test(line))).toEqual([]);
  expect(left.filter((line) => line.startsWith("gap: ")).toSorted()).toEqual(gapsOf(failed).toSorted());
});

function failedPacks(way: Way): readonly PackHeader[] {
  return way.failedBatches().flatMap((path) => {
    const object = Buffer.from(servers().s3.objects.get(path) ?? []).toString();
    const { payload } = JSON.parse(object) as { readonly payload: string };
    const { Records } = JSON.parse(payload) as MappingEvent;
    return Records.map(({ kinesis }) => headerOf(Buffer.from(kinesis.data, "base64")));
  });
}

function headerOf(bytes: Uint8Array): PackHeader {
  const decoded = decodePack(bytes);
  if (!decoded.ok) throw new Error(decoded.reason);
  return decoded.pack.header;
}

/** How many packs of its lane were applied behind a failed one, for the one with the most of them. */
async function mostLaterPacks(way: Way, failed: readonly PackHeader[]): Promise<number> {
  const { streamName } = way.scene;
  const all = (await createKinesisReader({ client: way.streamClient, streamName }).all()).map(
    ({ pack }) => pack.header,
  );
  const isFailed = ({ lane, number }: PackHeader): boolean =>
    failed.some((header) => header.lane === lane && header.number === number);
  const later = failed.map(
    ({ lane, number }) =>
      all.filter((header) => header.lane === lane && header.number > number && !isFailed(header)).length,
  );
  return Math.max(...later);
}

/** As the ledger tells of each run of numbers of a lane that is missing where the lane goes on. */
function gapsOf(failed: readonly PackHeader[]): readonly string[] {
  const numbers = Map.groupBy(failed, ({ lane }) => lane);
  return Array.from(numbers).flatMap(([lane, headers]) => {
    const missing = new Set(headers.map(({ number }) => number));
    const firsts = [...missing].filter((number) => !missing.has(number - 1));
    return firsts.map((first) => {
      let next = first;
      while (missing.has(next)) next += 1;
      return `gap: missing-pack: lane ${lane}: pack ${next} of fence 1 came where ${first} was due`;
    });
  });
}
