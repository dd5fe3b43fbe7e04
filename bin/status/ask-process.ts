/** An address of /status in, the answer of the process there out. */
import { z } from "zod";
import type { StatusSnapshot } from "../../lib/telemetry/status.ts";

const ANSWER_LIMIT_MS = 3_000;

/** What tells our own answer from that of another program on the same port. */
const ours = z.looseObject({
  version: z.string(),
  command: z.string(),
  rssBytes: z.number(),
  counters: z.record(z.string(), z.unknown()),
});

/** Null where nobody answers, or somebody else. */
export async function askProcess(url: string): Promise<StatusSnapshot | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    const answer: unknown = await response.json();
    return ours.safeParse(answer).success ? (answer as StatusSnapshot) : null;
  } catch {
    return null;
  }
}
