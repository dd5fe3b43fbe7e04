/** app.bsky.graph.follow */
import type { Collection } from "./collection.ts";
import { readActorEdge } from "./edge.ts";

export const FOLLOW: Collection = {
  nsid: "app.bsky.graph.follow",
  id: 3,
  view: "follows",
  key: "tid",
  read: readActorEdge,
};
