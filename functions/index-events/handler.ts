/** The Lambda between the stream and the rows. What is made here is made once an instance, and wrong settings end it before it takes a batch. */
import { readSettings } from "../../lib/config/read-settings.ts";
import { createHandler } from "./create-handler.ts";
import type { BatchResponse, InvocationContext, KinesisEvent } from "./kinesis-event.ts";

const indexEvents = createHandler({
  settings: readSettings("index-events"),
  nowMs: Date.now,
  writeMetrics: (line) => void process.stdout.write(line),
  writeLog: (line) => void process.stderr.write(line),
});

// Not awaited: a database that is away is no reason for an instance not to start.
void indexEvents.warmUp();

export function handler(event: KinesisEvent, context: InvocationContext): Promise<BatchResponse> {
  return indexEvents.handle(event, context);
}
