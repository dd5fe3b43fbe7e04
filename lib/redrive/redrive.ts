/** Failed batches in, their records on the stream again, and what became of each batch out. */
import { type FailedBatch, readFailedBatch } from "./failed-batch.ts";
import type { BatchSource, RecordSink } from "./port.ts";

export interface RedriveOptions {
  readonly source: BatchSource;
  readonly sink: RecordSink;
  readonly nowMs: () => number;
  /** What is older may have been deleted since by an op whose tombstone is gone. */
  readonly tombstoneDays: number;
  /** Put it on the stream all the same. */
  readonly isForced: boolean;
  /** Only look: nothing is put, nothing is taken away. */
  readonly isDryRun: boolean;
  /** Batches at the most, the oldest ones; null: all. */
  readonly limit: number | null;
  /** No further batch is begun once it aborts. */
  readonly signal: AbortSignal;
  readonly tell: (name: string, outcome: BatchOutcome) => void;
}

export type BatchOutcome =
  | { readonly state: "redriven"; readonly packs: number; readonly events: number }
  /** Somebody else has taken it away meanwhile. */
  | { readonly state: "gone" }
  /** Where it was; the reason says what helps. */
  | { readonly state: "left"; readonly reason: string };

export interface RedriveCounts {
  readonly found: number;
  readonly redriven: number;
  readonly left: number;
  readonly packs: number;
  readonly events: number;
}

const DAY_MS = 86_400_000;

/**
 * Oldest first, one batch after the other. What was put and could not be taken away comes again with the next run, which changes
 * nothing. Rejects where the list cannot be had, and where the stream takes no records: what is done by then stays done.
 */
export async function redrive(options: RedriveOptions): Promise<RedriveCounts> {
  const { source, limit, signal, tell } = options;
  const names = await source.list();
  const counts = { found: names.length, redriven: 0, left: 0, packs: 0, events: 0 };
  for (const name of names.slice(0, limit ?? names.length)) {
    if (signal.aborted) break;
    const outcome = await redriveBatch(name, options);
    tell(name, outcome);
    if (outcome.state === "left") counts.left += 1;
    if (outcome.state !== "redriven") continue;
    counts.redriven += 1;
    counts.packs += outcome.packs;
    counts.events += outcome.events;
  }
  return counts;
}

async function redriveBatch(name: string, options: RedriveOptions): Promise<BatchOutcome> {
  const { source, sink, isDryRun } = options;
  const bytes = await source.read(name).catch((error: unknown) => ({ error }));
  if (bytes === null) return { state: "gone" };
  if ("error" in bytes) return left(`it could not be read: ${messageOf(bytes.error)}`);
  const read = readFailedBatch(bytes);
  if (!read.ok) return left(`${read.reason}; look at it, and delete it if it is no batch of ours`);
  const refused = refusalOf(read.batch, options);
  if (refused !== null) return left(refused);
  const inspected = inspectAll(read.batch, sink);
  if (inspected.state === "left" || isDryRun) return inspected;
  await sink.put(read.batch.records);
  try {
    await source.settle(name);
  } catch (error) {
    return left(`its packs are on the stream again, but it could not be taken away: ${messageOf(error)}`);
  }
  return inspected;
}

function refusalOf(
  { oldestAtMs }: FailedBatch,
  { nowMs, tombstoneDays, isForced }: Pick<RedriveOptions, "nowMs" | "tombstoneDays" | "isForced">,
): string | null {
  const ageDays = (nowMs() - oldestAtMs) / DAY_MS;
  if (ageDays <= tombstoneDays || isForced) return null;
  return `it is ${Math.floor(ageDays)} days old, and deletes are remembered for ${tombstoneDays} (TOMBSTONE_DAYS): a record deleted since would come back; --force puts it on the stream all the same`;
}

/** The whole batch or nothing of it: what is left behind keeps its place. */
function inspectAll({ records }: FailedBatch, sink: RecordSink): BatchOutcome {
  let events = 0;
  for (const record of records) {
    const inspection = sink.inspect(record);
    if (!inspection.ok) return left(inspection.refused);
    events += inspection.events;
  }
  return { state: "redriven", packs: records.length, events };
}

function left(reason: string): BatchOutcome {
  return { state: "left", reason };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
