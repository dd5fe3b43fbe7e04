/** app.bsky.feed.repost */
import type { Collection } from "./collection.ts";
import { readRecordEdge } from "./edge.ts";

export const REPOST: Collection = {
  nsid: "app.bsky.feed.repost",
  id: 2,
  view: "reposts",
  key: "tid",
  read: readRecordEdge,
};
