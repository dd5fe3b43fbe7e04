/** Leaves the ops of other collections out of commits, and counts them. */
import type { CollectionFilter } from "../core/collection-filter.ts";
import type { CommitOp, FirehoseEvent } from "../core/event.ts";
import { keepOps } from "../core/pack-envelope.ts";
import type { EventCounts } from "./event-counts.ts";

export type EventFilter = (event: FirehoseEvent) => FirehoseEvent;

export function createEventFilter(keepsCollection: CollectionFilter, counts: EventCounts): EventFilter {
  // Of a path that cannot be read nobody knows the collection: its dead letter is kept in any case.
  const isKept = ({ collection, fault }: CommitOp): boolean =>
    keepsCollection(collection) || fault?.reason === "bad-path";
  return (event) => {
    if (event.kind !== "commit") return event;
    const kept = keepOps(event, isKept);
    counts.filteredOps(event.ops.length - kept.ops.length);
    return kept;
  };
}
