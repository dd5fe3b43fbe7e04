/** app.bsky.graph.listblock */
import { documentCollection } from "./document.ts";

export const LIST_BLOCK = documentCollection({
  nsid: "app.bsky.graph.listblock",
  id: 9,
  view: "list_blocks",
  key: "tid",
  texts: ["subject", "createdAt"],
});
