/** A command of ours, run in this process: its arguments and settings in, how it ended and what it printed out. */
import { main } from "../../bin/main.ts";
import { captureStreams } from "./captured-streams.ts";

export interface EndedCommand {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Sees no settings but these. */
export async function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<EndedCommand> {
  const streams = captureStreams();
  const code = await main(args, { streams, environment });
  return { code, out: streams.outText().trimEnd(), err: streams.errText().trimEnd() };
}
