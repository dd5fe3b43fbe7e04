/** What makes an invocation fail as a whole, so that it is seen: no retry mends it before a person has. */

/** Settings and stream contradict each other. Nothing of the batch was worked; it comes again. */
export class DeploymentError extends Error {
  override readonly name = "DeploymentError";
}
