/** The wall clock of our processes, which a fault may set: Debian's `faketime` between them and the system. Timers run on undisturbed. */
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";

export interface SteppedClock {
  /** For the processes that are to see it. */
  readonly env: Readonly<Record<string, string>>;
  /** Seconds from the true time, from now on. */
  step(seconds: number): void;
}

const LIBRARIES = "/usr/lib";

/** Null where the library is not installed: `apt-get install faketime`. */
export function openClock(): SteppedClock | null {
  const library = findLibrary();
  if (library === null) return null;
  const file = join(mkdtempSync(join(inject("scratchDir"), "clock-")), "offset");
  const step = (seconds: number): void => writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds}s\n`);
  step(0);
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      // Otherwise a step is seen seconds later, if at all.
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
    step,
  };
}

function findLibrary(): string | null {
  if (!existsSync(LIBRARIES)) return null;
  const folders = readdirSync(LIBRARIES).filter((name) => name.includes("linux-gnu"));
  const paths = folders.map((name) => join(LIBRARIES, name, "faketime/libfaketime.so.1"));
  return paths.find((path) => existsSync(path)) ?? null;
}
