/** A node of ElastiCache in, how many events of the stream it holds out, and for how long: the arithmetic behind REDIS_MAX_STREAM_LEN. */

/** GiB of memory of a `cache.` node ("Supported node types" and the pricing page of ElastiCache, from memory). */
const NODE_MEMORY_GIB: Readonly<Record<string, number>> = {
  "t4g.micro": 0.5,
  "t4g.small": 1.37,
  "t4g.medium": 3.09,
  "m7g.large": 6.38,
  "m7g.xlarge": 12.93,
  "r7g.large": 13.07,
  "r7g.xlarge": 26.32,
};

export const VALKEY_NODES: readonly string[] = Object.keys(NODE_MEMORY_GIB);

/** Kept by ElastiCache for replication and failover: its own default, and what `maxmemory` is lowered by ("Managing reserved memory", guide). */
export const RESERVED_PERCENT = 25;

/** Of what is left; the rest is for buffers of clients, the replicas' backlog and what the allocator cannot use. */
const STREAM_PART = 0.8;

/**
 * Memory of an event in the stream: 107 bytes of pack at 60 events a pack (a second of a lane at 500 events a second) and what Valkey
 * puts around it; `test/infra/valkey-room.test.ts` holds it against a real server. The rest is for events that are larger than those recorded.
 */
export const STREAM_BYTES_PER_EVENT = 200;

const GIB = 2 ** 30;
const SECONDS_AN_HOUR = 3600;

/** Undefined for a node that is not in the table. */
export function streamRoom(node: string): { readonly bytes: number; readonly events: number } | undefined {
  const memoryGiB = NODE_MEMORY_GIB[node];
  if (memoryGiB === undefined) return undefined;
  const bytes = memoryGiB * GIB * (1 - RESERVED_PERCENT / 100) * STREAM_PART;
  return { bytes: Math.floor(bytes), events: Math.floor(bytes / STREAM_BYTES_PER_EVENT) };
}

/** For how long nobody has to read before the ingester stops reading the relay, which keeps 72 hours more. */
export function retentionHours(node: string, eventsPerSecond: number): number {
  return (streamRoom(node)?.events ?? 0) / eventsPerSecond / SECONDS_AN_HOUR;
}
