/** Arguments in, exit code out: 0 done, 1 failed, 2 wrong use or configuration. */
import { CommanderError } from "commander";
import { errorLine } from "../lib/telemetry/log.ts";
import type { Streams } from "./command-context.ts";
import { isWrongUse } from "./exit-codes.ts";
import { createProgram } from "./program.ts";

/** Never throws: what goes wrong is one line on standard error. */
export async function main(
  args: readonly string[],
  streams: Streams = { out: process.stdout, err: process.stderr },
): Promise<number> {
  surviveClosedPipes(streams);
  let exitCode = 0;
  const program = createProgram({
    streams,
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
