/** Packs to the function over the real client of Lambda: what no call can hold, what is not answered, and one call of a lane at a time. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { decodePack, encodePack, type Pack } from "../../lib/core/pack.ts";
import { PackBuilder } from "../../lib/core/pack-builder.ts";
import { createLambdaClient } from "../../lib/stream/lambda/client.ts";
import { MAX_EVENT_BYTES } from "../../lib/stream/lambda/limits.ts";
import { createFunctionWriter, type FunctionWriter } from "../../lib/stream/lambda/writer.ts";
import { CountingTelemetry } from "../support/counting-telemetry.ts";
import type { MappedFunction, MappingEvent } from "../support/event-source-mapping/port.ts";
import { AWS_ENVIRONMENT } from "../support/kinesis-local.ts";
import { type LambdaEndpoint, startLambdaEndpoint } from "../support/lambda/endpoint.ts";
import { makePack } from "../support/packs.ts";

Object.assign(process.env, AWS_ENVIRONMENT);

const ANSWER_TIMEOUT_MS = 300;

interface Scene extends AsyncDisposable {
  readonly lambda: LambdaEndpoint;
  readonly writer: FunctionWriter;
  readonly telemetry: CountingTelemetry;
  readonly referred: Uint8Array[];
}

const doesAll: MappedFunction = {
  invoke: () => Promise.resolve({ kind: "answered", requestId: "1", payload: { batchItemFailures: [] } }),
};

async function createScene(fn: MappedFunction = doesAll): Promise<Scene> {
  const lambda = await startLambdaEndpoint(fn);
  const client = createLambdaClient({
    region: null,
    endpoint: lambda.url,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    maxCalls: 4,
  });
  const telemetry = new CountingTelemetry();
  const referred: Uint8Array[] = [];
  const writer = createFunctionWriter({
    client,
    functionName: "index-events",
    origin: { sourceArn: "arn:aws:elasticache:us-east-1:123456789012:replicationgroup:events", region: "us-east-1" },
    maxPacks: 100,
    windowMs: 20,
    refer: (_, bytes) => {
      referred.push(bytes);
      return Promise.resolve(Buffer.from(`reference ${referred.length}`));
    },
    telemetry,
    random: Math.random,
    onTrouble: () => undefined,
  });
  return {
    lambda,
    writer,
    telemetry,
    referred,
    async [Symbol.asyncDispose]() {
      writer[Symbol.dispose]();
      client.destroy();
      await lambda[Symbol.asyncDispose]();
    },
  };
}

/** As a reader hands it on. */
function read(pack: Pack, n: number, isSuspect = false): Pack {
  const stream = `events:${pack.header.lane}`;
  return { ...pack, source: { stream, fence: 1, entry: { ms: 1_000, n }, byArrival: false, isSuspect } };
}

/** One event with bytes that nothing makes smaller. */
function largePack(bytes: number): Pack {
  const builder = new PackBuilder();
  const rawFrame = new Uint8Array(randomBytes(bytes));
  const base = { seq: 1, did: "", timeMs: null, receivedAtMs: 1, rawFrame };
  builder.append({ kind: "rejected", ...base, reason: "broken-envelope", detail: "large" });
  return builder.seal({ lane: 0, lanes: 4, relay: "relay.test", epoch: 1, fence: 1, number: 1 });
}

const dataOf = ({ event }: { readonly event: MappingEvent }): Buffer[] =>
  event.Records.map(({ kinesis }) => Buffer.from(kinesis.data, "base64"));

test("packs of a lane go together, byte for byte", async () => {
  await using scene = await createScene();
  const packs = [1, 2, 3].map((number) => makePack({ lane: 1, number }));
  await Promise.all(packs.map((pack, index) => scene.writer.append(read(pack, index))));
  const calls = scene.lambda.calls.map(dataOf);
  expect(calls).toHaveLength(1);
  expect(calls[0]?.map((data) => decodePack(data))).toEqual(packs.map((pack) => ({ ok: true, pack })));
  expect(scene.telemetry.counted("function_calls_total", "done")).toBe(1);
});

test("an event that no call can hold goes by a reference, alone and in its place", async () => {
  await using scene = await createScene();
  const large = largePack(MAX_EVENT_BYTES + 1);
  await Promise.all([
    scene.writer.append(read(makePack({ lane: 0, number: 1 }), 1)),
    scene.writer.append(read(large, 2)),
    scene.writer.append(read(makePack({ lane: 0, number: 3 }), 3)),
  ]);
  expect(scene.lambda.calls.map(dataOf).map(([first]) => first?.subarray(0, 11).toString())).toEqual([
    expect.not.stringContaining("reference"),
    "reference 1",
    expect.not.stringContaining("reference"),
  ]);
  expect(scene.referred).toEqual([encodePack(large)]);
});

test("the largest that goes in a call is taken by the API", async () => {
  await using scene = await createScene();
  const pack = largePack(MAX_EVENT_BYTES - 1_000);
  expect(encodePack(pack).length).toBeLessThanOrEqual(MAX_EVENT_BYTES);
  await scene.writer.append(read(pack, 1));
  expect(scene.referred).toEqual([]);
  expect(scene.telemetry.counted("function_calls_total", "done")).toBe(1);
});

test("a pack that is suspected of deaths goes alone", async () => {
  await using scene = await createScene();
  const appends = [1, 2, 3].map((number) =>
    scene.writer.append(read(makePack({ lane: 0, number }), number, number === 2)),
  );
  await Promise.all(appends);
  expect(scene.lambda.calls.map(({ event }) => event.Records.length)).toEqual([1, 1, 1]);
});

test("a call that is not answered is given up after its time, and made again", async () => {
  await using scene = await createScene();
  scene.lambda.decide = () => (scene.lambda.calls.length === 0 ? { kind: "silence" } : { kind: "none" });
  const startedAtMs = performance.now();
  await scene.writer.append(read(makePack({ lane: 0, number: 1 }), 1));
  expect(performance.now() - startedAtMs).toBeGreaterThan(ANSWER_TIMEOUT_MS);
  expect(scene.lambda.calls.map(({ fault }) => fault)).toEqual(["silence", "none"]);
  expect(scene.telemetry.counted("function_calls_total", "no-answer")).toBe(1);
});

test("the client makes each call once: nobody but the lane tries again", async () => {
  await using scene = await createScene();
  let faults = 3;
  scene.lambda.decide = () =>
    faults-- > 0 ? { kind: "error", status: 500, type: "ServiceException" } : { kind: "none" };
  await scene.writer.append(read(makePack({ lane: 0, number: 1 }), 1));
  expect(scene.lambda.calls).toHaveLength(4);
  expect(scene.telemetry.counted("batch_retries_total", "ServiceException")).toBe(3);
});

test("lanes are called side by side, each once at a time", async () => {
  let underWay = 0;
  let most = 0;
  const barrier = Promise.withResolvers<void>();
  await using scene = await createScene({
    async invoke() {
      most = Math.max(most, ++underWay);
      if (underWay === 4) barrier.resolve();
      await barrier.promise;
      underWay--;
      return { kind: "answered", requestId: "1", payload: { batchItemFailures: [] } };
    },
  });
  const lanes = [0, 1, 2, 3];
  await Promise.all(lanes.map((lane) => scene.writer.append(read(makePack({ lane, number: 1 }), 1))));
  expect(most).toBe(4);
  expect(scene.lambda.mostAtATime).toBe(1);
});

test("what was in hand at the end is not applied as far as anybody knows", async () => {
  await using scene = await createScene();
  scene.lambda.decide = () => ({ kind: "silence" });
  const append = scene.writer.append(read(makePack({ lane: 0, number: 1 }), 1));
  await expect.poll(() => scene.lambda.calls.length).toBe(1);
  scene.writer[Symbol.dispose]();
  await expect(append).rejects.toThrow("the process ends");
  await expect(scene.writer.append(read(makePack({ lane: 0, number: 2 }), 2))).rejects.toThrow("the process ends");
});
