import { describe, expect, test } from "vitest";
import { compileCollectionFilter } from "../../../lib/core/collection-filter.ts";

describe("compileCollectionFilter", () => {
  test.each([
    { patterns: ["*"], collection: "fm.teal.alpha.feed.play", kept: true },
    { patterns: ["app.bsky.graph.follow", "*"], collection: "a.b.c", kept: true },
    { patterns: ["app.bsky.graph.follow"], collection: "app.bsky.graph.follow", kept: true },
    { patterns: ["app.bsky.graph.follow"], collection: "app.bsky.graph.follower", kept: false },
    { patterns: ["app.bsky.graph.follow"], collection: "app.bsky.graph.follow.x", kept: false },
    { patterns: ["app.bsky.feed.*"], collection: "app.bsky.feed.like", kept: true },
    { patterns: ["app.bsky.feed.*"], collection: "app.bsky.feeds.like", kept: false },
    { patterns: ["app.bsky.feed.*"], collection: "app.bsky.feed", kept: false },
    { patterns: ["app.bsky.*"], collection: "app.bsky.feed.like", kept: true },
    { patterns: ["app.bsky.feed.*", "app.bsky.graph.follow"], collection: "app.bsky.graph.follow", kept: true },
    { patterns: ["app.bsky.feed.*", "app.bsky.graph.follow"], collection: "app.bsky.graph.block", kept: false },
    { patterns: [], collection: "app.bsky.graph.block", kept: false },
  ])("$patterns: $collection is kept: $kept", ({ patterns, collection, kept }) => {
    expect(compileCollectionFilter(patterns)(collection)).toBe(kept);
  });
});
