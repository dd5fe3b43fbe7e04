/** Settings and a place in, the cursor's item moved back: the part of `standpipe rewind` that needs the client of DynamoDB. */
import { createDynamoClient } from "../../lib/checkpoint/dynamodb/client.ts";
import { type RewindOptions, type RewindResult, rewindCursor } from "../../lib/checkpoint/dynamodb/rewind.ts";
import type { Settings } from "../../lib/config/processes.ts";

export interface RewindRunOptions extends Omit<RewindOptions, "client"> {
  readonly settings: Settings<"rewind">;
}

/** Rejects as `rewindCursor` does. */
export async function runRewind({ settings, ...options }: RewindRunOptions): Promise<RewindResult> {
  const client = createDynamoClient({ region: settings.AWS_REGION, endpoint: settings.AWS_ENDPOINT_URL_DYNAMODB });
  try {
    return await rewindCursor({ ...options, client });
  } finally {
    client.destroy();
  }
}
