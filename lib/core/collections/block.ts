/** app.bsky.graph.block */
import type { Collection } from "./collection.ts";
import { readActorEdge } from "./edge.ts";

export const BLOCK: Collection = {
  nsid: "app.bsky.graph.block",
  id: 4,
  view: "blocks",
  key: "tid",
  read: readActorEdge,
};
