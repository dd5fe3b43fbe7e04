/** Settings and a number of lanes in, the cursor's item in DynamoDB with it out: the part of `standpipe migrate --lanes` that needs its client. */
import { hostname } from "node:os";
import { createDynamoClient } from "../../lib/checkpoint/dynamodb/client.ts";
import { type SetLanesResult, setItemLanes } from "../../lib/checkpoint/dynamodb/set-lanes.ts";
import type { Settings } from "../../lib/config/processes.ts";

export interface CursorChange {
  readonly settings: Settings<"migrate">;
  readonly tableName: string;
  readonly streamName: string;
  readonly lanes: number;
}

/** One line about what became of it. Rejects as `setItemLanes` does. */
export async function changeCursor({ settings, tableName, streamName, lanes }: CursorChange): Promise<string> {
  const client = createDynamoClient({ region: settings.AWS_REGION, endpoint: settings.AWS_ENDPOINT_URL_DYNAMODB });
  try {
    const owner = `standpipe migrate on ${hostname()}`;
    const result = await setItemLanes({ client, tableName, name: streamName, lanes, owner });
    return `the cursor of ${streamName} ${outcomeText(result, lanes)}`;
  } finally {
    client.destroy();
  }
}

function outcomeText(result: SetLanesResult, lanes: number): string {
  if (result.ok) {
    const fenced =
      result.fenced === null
        ? ""
        : `; ${result.fenced} held the lease and is fenced: what it wrote until now has to be applied before a consumer starts with LANES=${lanes}`;
    return `goes from LANES=${result.from} to ${lanes}${fenced}`;
  }
  switch (result.reason) {
    case "no-item":
      return "is not there yet: no ingester has begun";
    case "same":
      return `has LANES=${lanes} already`;
  }
}
