/** app.bsky.feed.like */
import type { Collection } from "./collection.ts";
import { readRecordEdge } from "./edge.ts";

export const LIKE: Collection = { nsid: "app.bsky.feed.like", id: 1, view: "likes", key: "tid", read: readRecordEdge };
