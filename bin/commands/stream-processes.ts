/** `standpipe ingest` and `standpipe work`: the two halves of `start` with a stream between them. */
import type { Command } from "commander";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { chosenStream, type Environment, readSettings } from "../../lib/config/read-settings.ts";
import type { CommandContext } from "../command-context.ts";
import { positiveSeconds } from "../options.ts";

export function addIngest(program: Command, { environment }: CommandContext): void {
  program
    .command("ingest")
    .description("Read the relay and write packs into a stream (needs REDIS_URL or KINESIS_STREAM_NAME).")
    .option(
      "--exit-when-idle <seconds>",
      "end with 0 once nothing has arrived for so long and all is durable",
      positiveSeconds,
    )
    .addHelpText("after", "\nExample:\n  $ REDIS_URL=redis://127.0.0.1:6379 standpipe ingest")
    .action(() => refuse("ingest", environment));
}

export function addWork(program: Command, { environment }: CommandContext): void {
  program
    .command("work")
    .description("Read packs from a stream and write rows (needs REDIS_URL or KINESIS_STREAM_NAME).")
    .option(
      "--exit-when-idle <seconds>",
      "end with 0 once nothing has arrived for so long and all is durable",
      positiveSeconds,
    )
    .addHelpText("after", "\nExample:\n  $ REDIS_URL=redis://127.0.0.1:6379 DATABASE_URL=postgres://… standpipe work")
    .action(() => refuse("work", environment));
}

/** Says what is missing: the stream's address, or, with one, the back end for it in this build. */
function refuse(command: "ingest" | "work", environment: Environment | undefined): never {
  const stream = chosenStream(command, readSettings(command, environment));
  const name = { redis: "Redis", kinesis: "Kinesis" }[stream];
  throw new ConfigurationError(`${command}: this version has no ${name} stream yet: use start, which needs none`);
}
