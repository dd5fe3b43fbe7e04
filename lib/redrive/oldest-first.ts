/** Names of failed batches in, in the order in which Lambda gave them up out. */

export interface NamedBatch {
  readonly name: string;
  /** When it was written, Unix milliseconds: for names that do not say it. */
  readonly writtenAtMs: number;
}

/**
 * `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<UUID>`, in UTC ("Retain discarded batch records for a Kinesis Data
 * Streams event source", developer guide of AWS Lambda).
 */
const TIME = /(?:^|\/)(\d{4}-\d\d-\d\d)T(\d\d)\.(\d\d)\.(\d\d)-[^/]+$/;

export function oldestFirst(batches: readonly NamedBatch[]): readonly string[] {
  const timed = batches.map((batch) => ({ name: batch.name, atMs: timeOf(batch) }));
  return timed.toSorted((a, b) => a.atMs - b.atMs || (a.name < b.name ? -1 : 1)).map(({ name }) => name);
}

function timeOf({ name, writtenAtMs }: NamedBatch): number {
  const [, day, hours, minutes, seconds] = TIME.exec(name) ?? [];
  const atMs = day === undefined ? Number.NaN : Date.parse(`${day}T${hours}:${minutes}:${seconds}Z`);
  return Number.isNaN(atMs) ? writtenAtMs : atMs;
}
