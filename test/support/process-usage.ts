/** A process in, what it has cost so far out; Linux only, where /proc tells. */
import { readFileSync } from "node:fs";

/** Of a process: CPU time of user and system, and the highest resident size that it has ever had. */
export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly peakResidentBytes: number;
}

/** Of `sysconf(_SC_CLK_TCK)`, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** `withEnded`: also the CPU time of its children that have ended and were waited for. Null where it cannot be known. */
export function usageOf(
  pid: number,
  { withEnded = false }: { readonly withEnded?: boolean } = {},
): ProcessUsage | null {
  if (process.platform !== "linux") return null;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // After the name, which may hold anything: state, then 10 others, then utime, stime, cutime, cstime.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = fields.slice(11, withEnded ? 15 : 13).reduce((sum, field) => sum + Number(field), 0);
    const peakKilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return { cpuSeconds: ticks / TICKS_PER_SECOND, peakResidentBytes: Number(peakKilobytes ?? 0) * 1024 };
  } catch {
    // It has ended.
    return null;
  }
}
