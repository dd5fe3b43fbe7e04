/** app.bsky.graph.list */
import { documentCollection } from "./document.ts";

export const LIST = documentCollection({
  nsid: "app.bsky.graph.list",
  id: 7,
  view: "lists",
  key: "tid",
  texts: ["purpose", "name", "createdAt"],
});
