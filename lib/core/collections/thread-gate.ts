/** app.bsky.feed.threadgate */
import { documentCollection } from "./document.ts";

export const THREAD_GATE = documentCollection({
  nsid: "app.bsky.feed.threadgate",
  id: 14,
  view: "thread_gates",
  key: "tid",
  texts: ["post", "createdAt"],
});
