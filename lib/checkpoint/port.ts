/** The fenced cursor: where reading goes on after a stop or a crash. */
import type { SavedCursor } from "../core/cursor.ts";

export interface Checkpoint {
  /**
   * Takes over: returns a fence greater than every earlier one, after which older processes' saves fail.
   * Rejects with LanesChangedError where another number of lanes is stored.
   */
  acquire(options: { readonly lanes: number }): Promise<{ readonly fence: number }>;
  /** The newest epoch's cursor of this relay, or null. */
  load(relay: string): Promise<SavedCursor | null>;
  /** The event time of the cursor that was saved last, of any relay, Unix milliseconds; null on a first start. */
  lastDurableTimeMs(): Promise<number | null>;
  /** Never moves a cursor back within its epoch. `fenced`: a newer process has taken over, and nothing was written. */
  save(cursor: SavedCursor, options: { readonly fence: number }): Promise<"saved" | "fenced">;
}

/** Lanes are a constant of a deployment: order per account hangs on it. */
export class LanesChangedError extends Error {
  override readonly name = "LanesChangedError";
  readonly stored: number;
  readonly given: number;

  /** `mend` says what to do where the cursor is not in the database. */
  constructor({ stored, given, mend }: { readonly stored: number; readonly given: number; readonly mend?: string }) {
    super(
      `LANES=${given}: ${mend ?? `this database was written with LANES=${stored}; keep that value, or stop every process (SIGTERM drains) and run 'standpipe migrate --lanes ${given}'`}`,
    );
    this.stored = stored;
    this.given = given;
  }
}
