/** Every decoder that reads from outside. */
import type { FuzzTarget } from "../fuzz.ts";
import { carTarget, framesTarget, recordsTarget } from "./frames.ts";
import { recordingsTarget } from "./recordings.ts";
import { redisEntriesTarget } from "./redis-entries.ts";
import { lambdaEventTarget, packsTarget, recordsOfStreamTarget } from "./stream-records.ts";

export const TARGETS: readonly FuzzTarget[] = [
  framesTarget(),
  carTarget,
  recordsTarget,
  packsTarget,
  recordsOfStreamTarget,
  lambdaEventTarget,
  redisEntriesTarget,
  recordingsTarget,
];
