/** app.bsky.graph.verification */
import { documentCollection } from "./document.ts";

export const VERIFICATION = documentCollection({
  nsid: "app.bsky.graph.verification",
  id: 13,
  view: "verifications",
  key: "tid",
  texts: ["handle", "displayName", "createdAt"],
  dids: ["subject"],
});
