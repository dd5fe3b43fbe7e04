/** `standpipe work`: stream to rows in one process. */
import type { Command } from "commander";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { chosenStream, type Environment, readSettings } from "../../lib/config/read-settings.ts";
import type { CommandContext } from "../command-context.ts";
import { positiveSeconds } from "../options.ts";

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
    .action(() => refuse(environment));
}

/** Says what is missing: the stream's address, or, with one, the back end for it in this build. */
function refuse(environment: Environment | undefined): never {
  switch (chosenStream("work", readSettings("work", environment))) {
    case "kinesis":
      throw new ConfigurationError("work: a Kinesis stream is read by the Lambda function: see docs/architecture.md");
    case "redis":
      throw new ConfigurationError("work: this version has no Redis stream yet: use start, which needs none");
  }
}
