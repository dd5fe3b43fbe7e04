/** Patterns of collections to a predicate over collections. */

export type CollectionFilter = (collection: string) => boolean;

const WILDCARD = ".*";

/**
 * Patterns are whole NSIDs (`app.bsky.graph.follow`), leading segments of them (`app.bsky.feed.*`, which takes neither
 * `app.bsky.feed` itself nor `app.bsky.feeds.x`), or `*` for everything. Their syntax is the configuration's affair.
 */
export function compileCollectionFilter(patterns: readonly string[]): CollectionFilter {
  if (patterns.includes("*")) return () => true;
  const names = new Set(patterns.filter((pattern) => !pattern.endsWith(WILDCARD)));
  const prefixes = patterns.filter((pattern) => pattern.endsWith(WILDCARD)).map((pattern) => pattern.slice(0, -1));
  return (collection) => names.has(collection) || prefixes.some((prefix) => collection.startsWith(prefix));
}
