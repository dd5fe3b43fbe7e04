import { describe, expect, it } from "vitest";
import { encodePack } from "../../../lib/core/pack.ts";
import { readFailedBatch } from "../../../lib/redrive/failed-batch.ts";
import { failedBatch } from "../../support/failed-batches.ts";
import { makePack } from "../../support/packs.ts";

const ARRIVED_AT_MS = 1_795_000_000_651;
const bytesOf = (text: string) => new TextEncoder().encode(text);
const packs = [makePack({ lane: 1, number: 7 }), makePack({ lane: 3, number: 2 })];

/** The record of a good batch with its payload changed. */
function withPayload(payload: unknown): Uint8Array {
  const record = JSON.parse(failedBatch(packs).text) as Record<string, unknown>;
  return bytesOf(JSON.stringify({ ...record, payload }));
}

const entry = (kinesis: unknown) => JSON.stringify({ Records: [{ kinesis }] });

describe("a failed batch", () => {
  it("gives back the records byte for byte and in order, and when the oldest came", () => {
    const read = readFailedBatch(bytesOf(failedBatch(packs, { arrivedAtMs: ARRIVED_AT_MS }).text));
    if (!read.ok) throw new Error(read.reason);
    expect(read.batch.records.map(({ partitionKey }) => partitionKey)).toEqual(["1", "3"]);
    expect(read.batch.records.map(({ data }) => Uint8Array.from(data))).toEqual(packs.map((pack) => encodePack(pack)));
    expect(read.batch.oldestAtMs).toBe(ARRIVED_AT_MS);
  });

  it("is as old as its oldest record", () => {
    const young = { kinesis: { partitionKey: "0", data: "AAAA", approximateArrivalTimestamp: 2_000 } };
    const old = { kinesis: { partitionKey: "0", data: "AAAA", approximateArrivalTimestamp: 1_000.5 } };
    const read = readFailedBatch(withPayload({ Records: [young, old, young] }));
    expect(read.ok && read.batch.oldestAtMs).toBe(1_000_500);
  });

  it.each([
    ["no JSON", bytesOf("<Error/>"), "no JSON object"],
    ["JSON of another kind", bytesOf("[]"), "no JSON object"],
    ["the description that a queue gets", withPayload(undefined), "no payload"],
    ["a payload that is no JSON", withPayload("{"), "no event with records"],
    ["an event without records", withPayload("{}"), "no event with records"],
    ["an empty event", withPayload('{"Records":[]}'), "no event with records"],
    ["records of another source", withPayload('{"Records":[{"dynamodb":{}}]}'), "record 1 of 1 is none of Kinesis"],
    ["a record without a time", withPayload(entry({ partitionKey: "0", data: "AAAA" })), "record 1 of 1"],
    [
      "data that is no base64",
      withPayload(entry({ partitionKey: "0", data: "A*AA", approximateArrivalTimestamp: 1 })),
      "record 1 of 1",
    ],
  ])("that is %s is refused with the reason", (_, bytes, reason) => {
    expect(readFailedBatch(bytes)).toEqual({ ok: false, reason: expect.stringContaining(reason) as string });
  });
});
