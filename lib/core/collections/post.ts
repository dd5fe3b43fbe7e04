/** app.bsky.feed.post */
import type { CborMap, CborValue } from "../dag-cbor.ts";
import type { Collection, Row, SubjectRef } from "./collection.ts";
import { createdField, misfit, missingText, refOf, textField } from "./fields.ts";

export const POST: Collection = { nsid: "app.bsky.feed.post", id: 5, view: "posts", key: "tid", read: readPost };

/** Replies and quotes that point at something other than a record (a handle, say) stay in the record and leave the column empty. */
function readPost(record: CborMap): Row {
  const missing = missingText(record, ["text", "createdAt"]);
  if (missing !== undefined) {
    return missing;
  }
  const reply = record.get("reply");
  if (reply !== undefined && !(reply instanceof Map)) {
    return misfit("field reply is no object");
  }
  return {
    shape: "post",
    created: createdField(record),
    root: refOf(reply?.get("root")) ?? null,
    parent: refOf(reply?.get("parent")) ?? null,
    quote: quoteOf(record.get("embed")),
  };
}

/** app.bsky.embed.record has the reference in `record`, app.bsky.embed.recordWithMedia one level deeper. */
function quoteOf(embed: CborValue | undefined): SubjectRef | null {
  if (!(embed instanceof Map)) {
    return null;
  }
  switch (textField(embed, "$type")) {
    case "app.bsky.embed.record":
      return refOf(embed.get("record")) ?? null;
    case "app.bsky.embed.recordWithMedia": {
      const inner = embed.get("record");
      return (inner instanceof Map ? refOf(inner.get("record")) : undefined) ?? null;
    }
    default:
      return null;
  }
}
