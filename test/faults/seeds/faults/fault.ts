/** A fault: what is done to a running pipeline, and undone by its end. */
import type { Mode, World } from "../world.ts";

export interface Fault {
  readonly name: string;
  readonly modes: readonly Mode[];
  /** It is there before anything is read. */
  readonly isThereFromTheStart?: boolean;
  /** Our processes have a clock that it sets. */
  readonly setsClock?: boolean;
  /** Resolves when the fault is over; what it broke may still be healing. */
  readonly strike: (world: World) => Promise<void>;
}

export const EVERY_MODE: readonly Mode[] = ["unified", "kinesis", "redis"];
