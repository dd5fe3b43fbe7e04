/** What ends an ingest. */

/** A newer process has taken over the cursor: this one must stop, for what it writes from now on would be a zombie's. */
export class FencedError extends Error {
  constructor(fence: number, options?: ErrorOptions) {
    super(`a newer process has taken over (our fence is ${fence})`, options);
    this.name = "FencedError";
  }
}

/** The stream refused a pack for good. `cause` says why. */
export class AppendError extends Error {
  constructor(pack: { readonly lane: number; readonly number: number }, options: ErrorOptions) {
    super(`pack ${pack.number} of lane ${pack.lane} could not be appended`, options);
    this.name = "AppendError";
  }
}

/** The ingest was used after its disposal. */
export class IngestClosedError extends Error {
  constructor() {
    super("the ingest is closed");
    this.name = "IngestClosedError";
  }
}
