/** The process of the Fargate task: `standpipe ingest`, with its options, and nothing else. */
import { main } from "../bin/main.ts";

process.exitCode = await main(["ingest", ...process.argv.slice(2)]);
