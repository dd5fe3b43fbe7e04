/** app.bsky.labeler.service */
import { documentCollection } from "./document.ts";

export const LABELER_SERVICE = documentCollection({
  nsid: "app.bsky.labeler.service",
  id: 12,
  view: "labeler_services",
  key: "self",
  texts: ["createdAt"],
  maps: ["policies"],
});
