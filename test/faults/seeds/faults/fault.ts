/** A fault: what is done to a running pipeline, and undone by its end. */
import type { Random } from "../../../fuzz/mutate.ts";
import type { MadeCommit } from "../made-commits.ts";
import type { Mode, World } from "../world.ts";

export interface Fault {
  readonly name: string;
  readonly modes: readonly Mode[];
  /** It is there before anything is read. */
  readonly isThereFromTheStart?: boolean;
  /** Our processes have a clock that it sets. */
  readonly setsClock?: boolean;
  /** Comes among the recorded events, all of it in one place. */
  readonly commits?: (random: Random) => readonly MadeCommit[];
  /** Resolves when the fault is over; what it broke may still be healing. */
  readonly strike: (world: World) => Promise<void>;
}

export const EVERY_MODE: readonly Mode[] = ["unified", "kinesis", "redis"];
