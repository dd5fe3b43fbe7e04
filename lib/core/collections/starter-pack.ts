/** app.bsky.graph.starterpack */
import { documentCollection } from "./document.ts";

export const STARTER_PACK = documentCollection({
  nsid: "app.bsky.graph.starterpack",
  id: 11,
  view: "starter_packs",
  key: "tid",
  texts: ["name", "list", "createdAt"],
});
