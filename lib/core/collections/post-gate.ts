/** app.bsky.feed.postgate */
import { documentCollection } from "./document.ts";

export const POST_GATE = documentCollection({
  nsid: "app.bsky.feed.postgate",
  id: 15,
  view: "post_gates",
  key: "tid",
  texts: ["post", "createdAt"],
});
