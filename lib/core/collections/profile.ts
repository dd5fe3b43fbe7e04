/** app.bsky.actor.profile */
import { documentCollection } from "./document.ts";

export const PROFILE = documentCollection({ nsid: "app.bsky.actor.profile", id: 6, view: "profiles", key: "self" });
