/** The numbers that stand for names in envelopes. Part of the format: entries are added at the end, never changed. */
import type { OpAction, OpFaultReason, RejectReason } from "./event.ts";

/** Values by code and codes by value; code 0 is never given, so that a zero byte is always an error or a literal. */
export interface CodeTable<T extends string> {
  readonly values: readonly (T | undefined)[];
  readonly codes: ReadonlyMap<string, number>;
}

function codeTable<T extends string>(names: readonly T[]): CodeTable<T> {
  return { values: [undefined, ...names], codes: new Map(names.map((name, index) => [name, index + 1])) };
}

/** Collections that take one byte; any other is written out. Order and numbers are those of docs/formats.md. */
export const COLLECTION_CODES = codeTable([
  "app.bsky.feed.like",
  "app.bsky.feed.post",
  "app.bsky.feed.repost",
  "app.bsky.graph.follow",
  "app.bsky.graph.block",
  "app.bsky.actor.profile",
  "app.bsky.graph.list",
  "app.bsky.graph.listitem",
  "app.bsky.graph.listblock",
  "app.bsky.graph.starterpack",
  "app.bsky.graph.verification",
  "app.bsky.feed.generator",
  "app.bsky.feed.threadgate",
  "app.bsky.feed.postgate",
  "app.bsky.labeler.service",
  "app.bsky.actor.status",
  "app.bsky.notification.declaration",
  "chat.bsky.actor.declaration",
  "com.atproto.lexicon.schema",
]);

export const ACTION_CODES = codeTable<OpAction>(["create", "update", "delete"]);

export const FAULT_CODES = codeTable<OpFaultReason>([
  "missing-block",
  "hash-mismatch",
  "bad-path",
  "bad-cid",
  "duplicate-path",
]);

export const REJECT_CODES = codeTable<RejectReason>([
  "undecodable-frame",
  "broken-envelope",
  "broken-blocks",
  "over-limit",
  "future-rev",
]);
