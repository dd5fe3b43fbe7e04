import { expect, test } from "vitest";
import { readItems } from "../../../functions/index-events/read-items.ts";
import { encodeGap } from "../../../lib/core/gap-record.ts";
import { encodePackReference } from "../../../lib/stream/kinesis/pack-reference.ts";
import { kinesisEvent, sequenceNumberAt } from "../../support/kinesis-events.ts";
import { makePack } from "../../support/packs.ts";

test("tells packs, references, gaps and what is none of them apart, in order", () => {
  const pack = makePack({ lane: 1, number: 2 });
  const { header } = makePack({ lane: 3, number: 4 });
  const reference = { header, key: "large-packs/3/1-4-x.spk", digest: new Uint8Array(32), byteLength: 9 };
  const bytes = encodePackReference(reference);
  const gap = { reason: "new-epoch", relay: "relay.test", epoch: 2, afterSeq: 9, detail: "" } as const;
  const unknown = { beforeSeq: null, fromTimeMs: null, toTimeMs: null };
  const records = [pack, bytes, Buffer.from("no pack"), encodeGap({ ...gap, ...unknown })];
  const items = readItems(kinesisEvent(records), { lanes: 4 });
  expect(items).toMatchObject([
    { kind: "pack", sequenceNumber: sequenceNumberAt(0), pack: { header: pack.header } },
    { kind: "reference", sequenceNumber: sequenceNumberAt(1), reference: { key: reference.key, header } },
    { kind: "unreadable", sequenceNumber: sequenceNumberAt(2), detail: "bad-magic at byte 0", header: null, lane: 0 },
    { kind: "gap", sequenceNumber: sequenceNumberAt(3), gap },
  ]);
});

test("refuses packs that were written with another number of lanes, and says both", () => {
  const event = kinesisEvent([makePack({ lane: 0, number: 1 }), makePack({ lane: 0, number: 2, lanes: 8 })]);
  expect(() => readItems(event, { lanes: 4 })).toThrow(
    `LANES=4: record ${sequenceNumberAt(1)} was written with LANES=8: set both to the same number`,
  );
});

test("takes a lane that is none from a partition key for lane 0", () => {
  const [record] = kinesisEvent([Buffer.from("no pack")]).Records;
  const lanes = ["3", "4", "-1", "any"].map((partitionKey) => {
    const kinesis = { sequenceNumber: "1", data: "", ...record?.kinesis, partitionKey };
    const [item] = readItems({ Records: [{ kinesis }] }, { lanes: 4 });
    return item?.kind === "unreadable" ? item.lane : null;
  });
  expect(lanes).toEqual([3, 0, 0, 0]);
});
