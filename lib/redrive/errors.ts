/** The place that failed batches should be in is not there: a person has to name another one. */
export class RedriveSourceError extends Error {
  override readonly name = "RedriveSourceError";
}
