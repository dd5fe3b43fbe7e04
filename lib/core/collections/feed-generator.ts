/** app.bsky.feed.generator */
import { documentCollection } from "./document.ts";

export const FEED_GENERATOR = documentCollection({
  nsid: "app.bsky.feed.generator",
  id: 10,
  view: "feed_generators",
  key: "any",
  texts: ["displayName", "createdAt"],
  dids: ["did"],
});
