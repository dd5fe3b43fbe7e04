/** The server's log file, kept small. */
import { closeSync, copyFileSync, openSync, readSync, statSync, truncateSync } from "node:fs";

/** Past this the older half of the story is in `postgres.log.1`, and what was there before is gone. */
export const MAX_LOG_BYTES = 8 * 1024 * 1024;

/** How much of the log's end is looked at to tell why a start failed. */
const MAX_TAIL_BYTES = 64 * 1024;

/**
 * Cuts the file in place: the server holds it open for appending, so what it writes next starts at the front. Where that fails (a
 * full disk) it is left to the next time, since nothing else depends on it.
 */
export function boundLogFile(path: string, { maxBytes = MAX_LOG_BYTES }: { readonly maxBytes?: number } = {}): void {
  if (logSize(path) <= maxBytes) return;
  try {
    copyFileSync(path, `${path}.1`);
    truncateSync(path, 0);
  } catch {
    // Next time.
  }
}

export function logSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** What was written from `offset` on, its last 64 KB. */
export function readLogFrom(path: string, offset: number): string {
  const size = logSize(path);
  const start = Math.max(offset, size - MAX_TAIL_BYTES);
  if (start >= size) return "";
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(size - start);
    return buffer.toString("utf8", 0, readSync(file, buffer, 0, buffer.length, start));
  } finally {
    closeSync(file);
  }
}
