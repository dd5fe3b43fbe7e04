import { expect, test } from "vitest";
import { readItems } from "../../../../functions/index-events/read-items.ts";
import { encodePack } from "../../../../lib/core/pack.ts";
import { kinesisEvent } from "../../../../lib/stream/lambda/event.ts";
import { MAX_EVENT_BYTES } from "../../../../lib/stream/lambda/limits.ts";
import { kinesisEvent as lambdasEvent } from "../../../support/kinesis-events.ts";
import { makePack } from "../../../support/packs.ts";

const origin = {
  sourceArn: "arn:aws:elasticache:eu-central-1:123456789012:replicationgroup:events",
  region: "eu-central-1",
};
const pack = makePack({ lane: 3, number: 1 });
const event = kinesisEvent([{ id: { ms: 1_795_000_000_651, n: 7 }, lane: 3, data: encodePack(pack) }], origin);

test("the function cannot tell it from an event of a Kinesis stream: the same fields, but for who called", () => {
  const [ours, theirs] = [event.Records[0], lambdasEvent([pack]).Records[0]] as const;
  const { invokeIdentityArn: _caller, ...fields } = theirs as unknown as Record<string, unknown>;
  expect(Object.keys(ours ?? {}).toSorted()).toEqual(Object.keys(fields).toSorted());
  expect(Object.keys(ours?.kinesis ?? {}).toSorted()).toEqual(Object.keys(theirs?.kinesis ?? {}).toSorted());
});

test("the entry's id is the sequence number, the lane the partition key, and the stream the source", () => {
  expect(event.Records[0]).toMatchObject({
    kinesis: { sequenceNumber: "1795000000651-7", partitionKey: "3", approximateArrivalTimestamp: 1_795_000_000.651 },
    eventSourceARN: origin.sourceArn,
    awsRegion: "eu-central-1",
  });
  expect(readItems(event, { lanes: 4 })).toMatchObject([{ kind: "pack", sequenceNumber: "1795000000651-7", pack }]);
});

test("the fullest event is below what a call may hold, with what stands around a hundred records", () => {
  const data = new Uint8Array(MAX_EVENT_BYTES / 100);
  const records = Array.from({ length: 100 }, (_, n) => ({ id: { ms: 1_795_000_000_651, n }, lane: 4095, data }));
  expect(JSON.stringify(kinesisEvent(records, origin)).length).toBeLessThan(6_000_000);
});
