/** The stream between reader and consumer, as each of them goes wrong. */
import type { Mode } from "../world.ts";
import type { Fault } from "./fault.ts";

const TROUBLES: Readonly<Record<Exclude<Mode, "unified">, readonly string[]>> = {
  kinesis: [
    "throttled puts",
    "puts that fail in part",
    "500 after the write took place",
    "answers that get lost",
    "iterators that expire",
    "a shard split",
    "calls of the function throttled",
    "function killed at work",
    "two calls of one shard at a time",
  ],
  redis: [
    "READONLY",
    "memory full",
    "kill -9 of Redis",
    "Redis hangs",
    "a replica takes over",
    "another worker comes and goes",
  ],
};

export const STREAM_FAULTS: readonly Fault[] = Object.entries(TROUBLES).flatMap(([mode, names]) =>
  names.map(
    (name): Fault => ({
      name,
      modes: [mode as Mode],
      strike: async ({ stream }) => {
        await stream?.disturb(name);
      },
    }),
  ),
);
