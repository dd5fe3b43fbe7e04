/** What `@atproto/bsky` needs on disk for the second generator's posts, likes and follows: bytes by kind and table. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openEmbeddedPostgres } from "../../lib/store/embedded/embedded-postgres.ts";
import { startProcess } from "../support/process.ts";
import { silentLog } from "../support/silent-log.ts";
import { scratchFolder } from "./processes.ts";

/** Bytes that a table has grown by: its rows, and all its indexes. */
export interface Growth {
  readonly table: number;
  readonly indexes: number;
}

export interface PeerStorage {
  /** Of each kind. */
  readonly rows: number;
  /**
   * By the peer's table names; only those that have grown. Each record has a row in `record` and one in the table of its kind; `notification`
   * and the aggregates (`post_agg`, `profile_agg`) are what it keeps beside them.
   */
  readonly grown: Readonly<Record<"post" | "like" | "follow", Readonly<Record<string, Growth>>>>;
}

const LIMIT_MS = 600_000;

/** `rows` of each kind, written by the peer's own indexing code on an embedded server of its own, at about 500 a second. */
export async function peerStorage({ rows }: { readonly rows: number }): Promise<PeerStorage> {
  await using scratch = await scratchFolder();
  const dataDir = join(scratch.path, "data");
  const settings = { synchronous_commit: "off" };
  await using postgres = await openEmbeddedPostgres({ dataDir, log: silentLog, command: "bench", settings });
  await postgres.ensureDatabase("peer");
  const script = fileURLToPath(new URL("peers/bsky-storage.ts", import.meta.url));
  await using storage = startProcess([postgres.connectionString("peer"), String(rows)], { script });
  const [line] = await storage.waitForLine(/^\{"rows".*/, LIMIT_MS);
  await storage.exit;
  return JSON.parse(line) as PeerStorage;
}

/** Bytes a row of that kind in these tables, indexes included. */
export function bytesPerRow(
  { rows, grown }: PeerStorage,
  kind: keyof PeerStorage["grown"],
  tables: readonly string[],
): number {
  const bytes = tables
    .map((table) => grown[kind][table])
    .reduce((sum, size) => sum + (size?.table ?? 0) + (size?.indexes ?? 0), 0);
  return bytes / rows;
}
