/** An address of /status in, the answer of the process there out. */
import type { StatusSnapshot } from "../../lib/telemetry/status.ts";

const ANSWER_LIMIT_MS = 3_000;

/** Null where nobody answers, or somebody else. */
export async function askProcess(url: string): Promise<StatusSnapshot | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    const answer: unknown = await response.json();
    return isOurs(answer) ? answer : null;
  } catch {
    return null;
  }
}

/** What tells our own answer from that of another program on the same port. */
function isOurs(answer: unknown): answer is StatusSnapshot {
  if (typeof answer !== "object" || answer === null) return false;
  const { command, uptimeSeconds, rssBytes, counters } = answer as Partial<Record<keyof StatusSnapshot, unknown>>;
  return (
    typeof command === "string" &&
    typeof uptimeSeconds === "number" &&
    typeof rssBytes === "number" &&
    typeof counters === "object" &&
    counters !== null
  );
}
