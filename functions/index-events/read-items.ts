/** The records of an event in, what is to be worked out: one item for each record, in their order. */
import type { Gap } from "../../lib/core/cursor.ts";
import type { Pack, PackHeader } from "../../lib/core/pack.ts";
import { laneNamed } from "../../lib/stream/kinesis/lane-keys.ts";
import type { PackReference } from "../../lib/stream/kinesis/pack-reference.ts";
import { readRecord } from "../../lib/stream/kinesis/read-record.ts";
import { DeploymentError } from "./errors.ts";
import type { KinesisEvent } from "./kinesis-event.ts";

interface ItemBase {
  readonly sequenceNumber: string;
}

export interface PackItem extends ItemBase {
  readonly kind: "pack";
  readonly pack: Pack;
}

/** The pack is in S3. */
export interface ReferenceItem extends ItemBase {
  readonly kind: "reference";
  readonly reference: PackReference;
  readonly bytes: Uint8Array;
}

/** Bytes that are no pack, or lead to none. */
export interface UnreadableItem extends ItemBase {
  readonly kind: "unreadable";
  readonly bytes: Uint8Array;
  readonly detail: string;
  /** Of the pack that should be there, where that is known. */
  readonly header: PackHeader | null;
  /** Whose row is locked meanwhile. */
  readonly lane: number;
}

/** A span that the ingester may have missed: for the ledger. */
export interface GapItem extends ItemBase {
  readonly kind: "gap";
  readonly gap: Gap;
}

export type Item = PackItem | ReferenceItem | GapItem | UnreadableItem;

/** @throws DeploymentError where a pack was written with another number of lanes: then nothing of the batch is worked. */
export function readItems({ Records }: KinesisEvent, { lanes }: { readonly lanes: number }): readonly Item[] {
  return Records.map(({ kinesis: { sequenceNumber, partitionKey, data } }) => {
    const bytes = Buffer.from(data, "base64");
    const record = readRecord(bytes);
    if (!record.ok) {
      const detail = `${record.reason} at byte ${record.offset}`;
      return {
        kind: "unreadable",
        sequenceNumber,
        bytes,
        detail,
        header: null,
        lane: laneNamed(partitionKey, { lanes }),
      };
    }
    if (record.kind === "gap") return { kind: "gap", sequenceNumber, gap: record.gap };
    const { header } = record.kind === "pack" ? record.pack : record.reference;
    checkLanes(header, { lanes, sequenceNumber });
    return record.kind === "pack"
      ? { kind: "pack", sequenceNumber, pack: record.pack }
      : { kind: "reference", sequenceNumber, reference: record.reference, bytes };
  });
}

function checkLanes(header: PackHeader, here: { readonly lanes: number; readonly sequenceNumber: string }): void {
  if (header.lanes === here.lanes) return;
  throw new DeploymentError(
    `LANES=${here.lanes}: record ${here.sequenceNumber} was written with LANES=${header.lanes}: set both to the same number (drain the stream before you change it)`,
  );
}
