/** What the fenced cursor in DynamoDB throws beside DynamoDB's own trouble. */

/** Another process has taken the lease over: what this one sends from now on would be a zombie's. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";

  constructor(by: string | null) {
    super(by === null ? "the lease is gone" : `another ingester (${by}) has taken the lease over`);
  }
}

/** The checkpoint was used after its disposal. */
export class LeaseClosedError extends Error {
  override readonly name = "LeaseClosedError";

  constructor() {
    super("the lease is closed");
  }
}

/** Somebody else is at work, and this process was not told to wait. */
export class LeaseHeldError extends Error {
  override readonly name = "LeaseHeldError";

  constructor(options: { readonly owner: string; readonly tableName: string }) {
    super(
      `another ingester (${options.owner}) holds the lease in table ${options.tableName}: stop it, or set STANDBY=true so that this one waits for its end`,
    );
  }
}

/** The table is missing, or is not as it has to be: a person has to change something. */
export class CursorTableError extends Error {
  override readonly name = "CursorTableError";
}
