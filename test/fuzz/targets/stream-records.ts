/** Records of the stream: packs, where large ones lie, gaps; alone, and as a function is handed them. */
import { crc32 } from "node:zlib";
import { DeploymentError } from "../../../functions/index-events/errors.ts";
import type { KinesisEvent } from "../../../functions/index-events/kinesis-event.ts";
import { readItems } from "../../../functions/index-events/read-items.ts";
import { digestOf } from "../../../lib/core/cid.ts";
import type { Gap } from "../../../lib/core/cursor.ts";
import type { FirehoseEvent } from "../../../lib/core/event.ts";
import { encodeGap, isGapRecord } from "../../../lib/core/gap-record.ts";
import { decodePack, encodePack, PACK_LIMITS, type Pack, readPack } from "../../../lib/core/pack.ts";
import { PackBuilder } from "../../../lib/core/pack-builder.ts";
import { encodePackReference, isPackReference } from "../../../lib/stream/kinesis/pack-reference.ts";
import { readRecord } from "../../../lib/stream/kinesis/read-record.ts";
import { kinesisEvent } from "../../support/kinesis-events.ts";
import { LANES, packsOf, recordedEvents } from "../../support/recorded-packs.ts";
import { type FuzzTarget, promise } from "../fuzz.ts";
import { mutate, type Random } from "../mutate.ts";

/** Large enough that events lean on those before them, small enough that a mutation often matters. */
const PACK_EVENTS = 6;
const PACKS = 400;

export const packsTarget: FuzzTarget = {
  name: "pack",
  inputs: () => recordedPacks().map(encodePack),
  mutate: (bytes, random, other) =>
    random(2) === 0 ? mendedMutation(bytes, random, other) : inside(bytes, random, other),
  read(bytes) {
    const result = decodePack(bytes);
    if (!result.ok) return placed(result, bytes.length);
    return readBack(result.pack);
  },
};

/** The body mutated where it is not compressed, behind a header and a checksum that fit. */
function inside(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const [pack, donor] = [decodePack(bytes), decodePack(other)];
  if (!pack.ok || !donor.ok) return mendedMutation(bytes, random, other);
  return encodePack({ ...pack.pack, body: mutate(pack.pack.body, random, donor.pack.body) });
}

/** What a pack gives can be packed again, and is the same then. */
function readBack(pack: Pack): string {
  promise(pack.body.length <= PACK_LIMITS.maxBodyBytes, "a body is not longer than the limit");
  const again = decodePack(encodePack(pack));
  promise(
    again.ok && Buffer.compare(again.pack.body, pack.body) === 0,
    "a pack that was read can be written and read again",
  );
  const result = readPack(pack);
  if (!result.ok) return placed(result, pack.body.length);
  const builder = new PackBuilder();
  for (const event of result.events) {
    checkEventOfPack(event);
    builder.append(event);
  }
  const { body } = builder.seal(pack.header);
  promise(Buffer.compare(body, pack.body) === 0, "events have one form of a pack only");
  return "events";
}

/** A pack is our own writing behind a checksum: what stands in it is not judged again, but it has the shape that the rest relies on. */
function checkEventOfPack(event: FirehoseEvent): void {
  promise(Number.isSafeInteger(event.seq) && event.seq >= 0, "seq is a safe integer, and not negative");
  promise(event.timeMs === null || Number.isSafeInteger(event.timeMs), "time is null or an integer");
}

export const recordsOfStreamTarget: FuzzTarget = {
  name: "stream-record",
  inputs: () => [...gaps().map(encodeGap), ...references(), ...recordedPacks().slice(0, 50).map(encodePack)],
  mutate: mendedMutation,
  read(bytes) {
    const result = readRecord(bytes);
    if (!result.ok) return placed(result, bytes.length);
    if (result.kind === "gap") {
      promise(Buffer.compare(encodeGap(result.gap), bytes) === 0, "a gap has one form only");
    }
    if (result.kind === "reference") {
      promise(Buffer.compare(encodePackReference(result.reference), bytes) === 0, "a reference has one form only");
    }
    return result.kind;
  },
};

/** The bytes changed; two times in three with a checksum that fits again, so that what lies behind it is reached. */
function mendedMutation(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const mutated = Uint8Array.from(mutate(bytes, random, other));
  const checkedFrom = isPackReference(mutated) || isGapRecord(mutated) ? 9 : 10;
  if (random(3) === 0 || mutated.length < checkedFrom) return mutated;
  new DataView(mutated.buffer).setUint32(checkedFrom - 4, crc32(mutated.subarray(checkedFrom)), true);
  return mutated;
}

function placed(fault: { readonly reason: string; readonly offset: number }, length: number): string {
  promise(fault.offset >= 0 && fault.offset <= length, "a fault tells a place within the bytes");
  return fault.reason;
}

/** What Lambda hands to the function, as JSON. */
export const lambdaEventTarget: FuzzTarget = {
  name: "lambda-event",
  inputs: () => batches().map((sources) => Buffer.from(JSON.stringify(kinesisEvent(sources)))),
  mutate(input, random, other) {
    const [event, donor] = [input, other].map((bytes) => JSON.parse(Buffer.from(bytes).toString()) as KinesisEvent);
    const records = (event?.Records ?? []).map((record) => ({ ...record, kinesis: { ...record.kinesis } }));
    const record = records[random(records.length)]?.kinesis;
    const given = donor?.Records[random(donor.Records.length)]?.kinesis;
    if (record === undefined || given === undefined) return input;
    const [bytes, donated] = [record, given].map(({ data }) => Buffer.from(data, "base64"));
    const data = mendedMutation(bytes ?? new Uint8Array(), random, donated ?? new Uint8Array());
    const spoil: readonly (() => object)[] = [
      () => ({ data: Buffer.from(data).toString("base64") }),
      () => ({ data: record.data.slice(0, random(record.data.length)) }),
      () => ({ data: `${record.data.slice(0, 40)}*${record.data.slice(41)}` }),
      () => ({ partitionKey: ["", "-1", "4096", "__proto__", "7", "1e3"][random(6)] }),
    ];
    Object.assign(record, spoil[Math.max(0, random(6) - 2)]?.());
    return Buffer.from(JSON.stringify({ Records: records }));
  },
  read(input) {
    const event = JSON.parse(Buffer.from(input).toString()) as KinesisEvent;
    try {
      const items = readItems(event, { lanes: LANES });
      promise(items.length === event.Records.length, "each record is one item");
      for (const [index, item] of items.entries()) {
        promise(item.sequenceNumber === event.Records[index]?.kinesis.sequenceNumber, "items are in their order");
        if (item.kind !== "unreadable") continue;
        promise(
          item.detail !== "" && item.lane >= 0 && item.lane < LANES,
          "what is unreadable says why, and has a lane",
        );
      }
      return items.map(({ kind }) => kind).find((kind) => kind !== "pack") ?? "pack";
    } catch (error) {
      if (error instanceof DeploymentError) return "other lanes";
      throw error;
    }
  },
};

function recordedPacks(): Pack[] {
  return packsOf(recordedEvents().slice(0, PACKS * PACK_EVENTS), { size: () => PACK_EVENTS });
}

function batches(): Uint8Array[][] {
  const sources = [...recordedPacks().slice(0, 60).map(encodePack), ...gaps().map(encodeGap), ...references()];
  return sources.map((source, index) => [source, sources[(index * 7 + 3) % sources.length] ?? source]);
}

function references(): Uint8Array[] {
  return recordedPacks()
    .slice(0, 20)
    .map((pack, index) => {
      const bytes = encodePack(pack);
      return encodePackReference({
        header: pack.header,
        key: `packs/${index}.spk`,
        digest: digestOf(bytes),
        byteLength: bytes.length,
      });
    });
}

function gaps(): Gap[] {
  const span = {
    relay: "relay.test",
    epoch: 1,
    afterSeq: 5,
    beforeSeq: 90,
    fromTimeMs: null,
    toTimeMs: 1_795_000_000_000,
  };
  return [
    { ...span, reason: "outdated-cursor", detail: "the cursor was older than the relay's window" },
    { ...span, reason: "relay-switch", afterSeq: null, detail: "" },
    { ...span, reason: "stream-lost", beforeSeq: null, epoch: 2 ** 31 - 1, detail: "ü\u0000" },
  ];
}
