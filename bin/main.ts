/** Arguments in, exit code out: 0 done, 1 failed, 2 wrong use or configuration. */
import { CommanderError } from "commander";
import type { Environment } from "../lib/config/read-settings.ts";
import { errorLine } from "../lib/telemetry/log.ts";
import type { Streams } from "./command-context.ts";
import { isWrongUse } from "./exit-codes.ts";
import { createProgram } from "./program.ts";

export interface MainOptions {
  readonly streams?: Streams;
  /** What settings are read from; without it, from the process' own environment. */
  readonly environment?: Environment;
}

/** Never throws: what goes wrong is one line on standard error. */
export async function main(args: readonly string[], options: MainOptions = {}): Promise<number> {
  const streams = options.streams ?? { out: process.stdout, err: process.stderr };
  surviveClosedPipes(streams);
  let exitCode = 0;
  const program = createProgram({
    streams,
    environment: options.environment,
    setExitCode: (code) => {
      exitCode = code;
    },
  });
  try {
    await program.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    // Commander has said what was wrong already, and calls it 1.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    streams.err.write(`standpipe: ${errorLine(error)}\n`);
    return isWrongUse(error) ? 2 : 1;
  }
}

/** `standpipe sql … | head` closes our output, and so does a terminal that is shut: neither is a fault. */
function surviveClosedPipes(streams: Streams): void {
  for (const stream of [streams.out, streams.err]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
    });
  }
}
