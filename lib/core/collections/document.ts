/** Collections kept as JSON: what their lexicons require must be there, the rest is theirs. */
import type { CborMap } from "../dag-cbor.ts";
import type { Collection, Row } from "./collection.ts";
import { createdField, didField, misfit, missingText } from "./fields.ts";

export interface DocumentLexicon extends Pick<Collection, "nsid" | "id" | "view" | "key"> {
  /** Required fields that are text. */
  readonly texts?: readonly string[];
  /** Required fields that are DIDs. */
  readonly dids?: readonly string[];
  /** Required fields that are objects. */
  readonly maps?: readonly string[];
}

/** A collection whose row is the record itself. */
export function documentCollection(lexicon: DocumentLexicon): Collection {
  const { nsid, id, view, key, texts = [], dids = [], maps = [] } = lexicon;
  function read(record: CborMap): Row {
    const missing = missingText(record, [...texts, ...dids]);
    if (missing !== undefined) {
      return missing;
    }
    const did = dids.find((name) => didField(record, name) === undefined);
    if (did !== undefined) {
      return misfit(`field ${did} is no DID`);
    }
    const map = maps.find((name) => !(record.get(name) instanceof Map));
    return map === undefined
      ? { shape: "document", created: createdField(record) }
      : misfit(`field ${map} is missing or no object`);
  }
  return { nsid, id, view, key, read };
}
