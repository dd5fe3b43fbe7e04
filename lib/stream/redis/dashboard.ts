/** What established dashboards read in Redis: that the ingester lives, how much there was, and what came last. Nothing of ours relies on it. */
import type { Redis } from "ioredis";
import type { FirehoseEvent } from "../../core/event.ts";
import type { Log } from "../../telemetry/port.ts";

export interface DashboardOptions {
  readonly client: Redis;
  /** Address of the relay in use. */
  readonly url: () => string;
  readonly state: () => { readonly connected: boolean; readonly cursor: number | null };
  readonly log: Log;
}

/** Disposing stops it; what it wrote last expires by itself. */
export interface Dashboard extends Disposable {
  event(event: FirehoseEvent): void;
}

const METRICS_EVERY_MS = 500;
const SHOW_EVERY_MS = 1_000;
const EXPIRES_SECONDS = 10;
const RECENT = 50;

export function createDashboard(options: DashboardOptions): Dashboard {
  const { client, url, state, log } = options;
  const counts = new Map<string, number>();
  let recent: FirehoseEvent[] = [];
  let unshown = 0;
  const quietly = (work: Promise<unknown>): void => {
    work.catch((error: unknown) => log.debug("the dashboard's keys could not be written", { error: String(error) }));
  };
  const flush = () => {
    if (counts.size === 0) return;
    const pipeline = client.pipeline();
    for (const [field, by] of counts) pipeline.hincrby("cluster:metrics", field, by);
    counts.clear();
    quietly(pipeline.exec());
  };
  const show = () => {
    const { connected, cursor } = state();
    const status = { connected, url: url(), currentCursor: cursor === null ? null : String(cursor) };
    const pipeline = client.pipeline().setex("firehose:status", EXPIRES_SECONDS, JSON.stringify(status));
    const shown = recent.map(shownEvent);
    if (shown.length > 0) pipeline.setex("firehose:recent_events", EXPIRES_SECONDS, JSON.stringify(shown));
    // Newest first in the list, oldest first on the channel.
    for (const event of shown.slice(0, unshown).toReversed()) {
      pipeline.publish("firehose:events:broadcast", JSON.stringify(event));
    }
    unshown = 0;
    quietly(pipeline.exec());
  };
  const timers = [setInterval(flush, METRICS_EVERY_MS), setInterval(show, SHOW_EVERY_MS)];
  return {
    event(event) {
      for (const field of ["totalEvents", fieldFor(event)]) counts.set(field, (counts.get(field) ?? 0) + 1);
      recent = [event, ...recent.slice(0, RECENT - 1)];
      unshown = Math.min(RECENT, unshown + 1);
    },
    [Symbol.dispose]() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}

function fieldFor({ kind }: FirehoseEvent): string {
  switch (kind) {
    case "commit":
    case "sync":
      return "#commit";
    case "identity":
    case "account":
      return `#${kind}`;
    case "rejected":
      return "errors";
  }
}

function shownEvent(event: FirehoseEvent): Readonly<Record<string, string>> {
  const type = fieldFor(event);
  const timestamp = new Date(event.receivedAtMs).toISOString().slice(11, 19);
  const op = event.kind === "commit" ? event.ops[0] : undefined;
  const more = op === undefined ? {} : { lexicon: op.collection, action: op.action };
  return { type, ...more, did: event.did, timestamp };
}
