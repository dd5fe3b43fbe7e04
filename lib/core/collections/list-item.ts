/** app.bsky.graph.listitem */
import { documentCollection } from "./document.ts";

export const LIST_ITEM = documentCollection({
  nsid: "app.bsky.graph.listitem",
  id: 8,
  view: "list_items",
  key: "tid",
  texts: ["list", "createdAt"],
  dids: ["subject"],
});
