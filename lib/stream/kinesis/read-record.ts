/** A record's bytes in, the pack, where it lies, or a gap out: the reading side of the writer beside it. */
import type { Gap } from "../../core/cursor.ts";
import { decodeGap, type GapFault, isGapRecord } from "../../core/gap-record.ts";
import { decodePack, type Pack, type PackFault } from "../../core/pack.ts";
import { decodePackReference, isPackReference, type PackReference, type ReferenceFault } from "./pack-reference.ts";

export type RecordResult =
  | { readonly ok: true; readonly kind: "pack"; readonly pack: Pack }
  /** The pack is in S3: `fetchLargePack` gets it. */
  | { readonly ok: true; readonly kind: "reference"; readonly reference: PackReference }
  /** A span that the ingester may have missed. */
  | { readonly ok: true; readonly kind: "gap"; readonly gap: Gap }
  | PackFault
  | ReferenceFault
  | GapFault;

export function readRecord(bytes: Uint8Array): RecordResult {
  if (isPackReference(bytes)) {
    const result = decodePackReference(bytes);
    return result.ok ? { ok: true, kind: "reference", reference: result.reference } : result;
  }
  if (isGapRecord(bytes)) {
    const result = decodeGap(bytes);
    return result.ok ? { ok: true, kind: "gap", gap: result.gap } : result;
  }
  const result = decodePack(bytes);
  return result.ok ? { ok: true, kind: "pack", pack: result.pack } : result;
}
