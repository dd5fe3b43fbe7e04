/** A record's bytes in, the pack or where it lies out: the reading side of the writer beside it. */
import { decodePack, type Pack, type PackFault } from "../../core/pack.ts";
import { decodePackReference, isPackReference, type PackReference, type ReferenceFault } from "./pack-reference.ts";

export type RecordResult =
  | { readonly ok: true; readonly kind: "pack"; readonly pack: Pack }
  /** The pack is in S3: `fetchLargePack` gets it. */
  | { readonly ok: true; readonly kind: "reference"; readonly reference: PackReference }
  | PackFault
  | ReferenceFault;

export function readRecord(bytes: Uint8Array): RecordResult {
  if (isPackReference(bytes)) {
    const result = decodePackReference(bytes);
    return result.ok ? { ok: true, kind: "reference", reference: result.reference } : result;
  }
  const result = decodePack(bytes);
  return result.ok ? { ok: true, kind: "pack", pack: result.pack } : result;
}
