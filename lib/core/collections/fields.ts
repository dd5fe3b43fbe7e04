/** Reading fields of a record that are text, references and times. */

import { DAG_CBOR, parseCidText } from "../cid.ts";
import { packCreatedAt } from "../created-at.ts";
import type { CborMap, CborValue } from "../dag-cbor.ts";
import { isDid, parseAtUri } from "../syntax.ts";
import type { MisfitRow, SubjectRef } from "./collection.ts";

export function misfit(problem: string): MisfitRow {
  return { shape: "misfit", problem };
}

export function textField(record: CborMap, name: string): string | undefined {
  const value = record.get(name);
  return typeof value === "string" ? value : undefined;
}

/** `createdAt` packed; null where it is missing or no time. */
export function createdField(record: CborMap): bigint | null {
  const text = textField(record, "createdAt");
  return text === undefined ? null : packCreatedAt(text);
}

/** A DID that fits the dictionary of actors. */
export function didField(record: CborMap, name: string): string | undefined {
  const text = textField(record, name);
  return text !== undefined && isDid(text) ? text : undefined;
}

/** A strongRef of the form {uri: at://did/collection/rkey, cid: DAG-CBOR SHA-256}; undefined for anything else. */
export function refOf(value: CborValue | undefined): SubjectRef | undefined {
  if (!(value instanceof Map)) {
    return undefined;
  }
  const uri = parseAtUri(textField(value, "uri") ?? "");
  const cid = parseCidText(textField(value, "cid") ?? "");
  if (uri === undefined || cid === undefined || cid.codec !== DAG_CBOR || !isDid(uri.authority)) {
    return undefined;
  }
  return { did: uri.authority, collection: uri.collection, rkey: uri.rkey, cid: cid.digest };
}

/** A strongRef with nothing beside its two fields. */
export function isBareRef(value: CborValue | undefined): boolean {
  return value instanceof Map && value.size === 2;
}

/** The first of these fields that is no text, as a problem. */
export function missingText(record: CborMap, names: readonly string[]): MisfitRow | undefined {
  const name = names.find((each) => textField(record, each) === undefined);
  return name === undefined
    ? undefined
    : misfit(record.has(name) ? `field ${name} is no text` : `field ${name} is missing`);
}
