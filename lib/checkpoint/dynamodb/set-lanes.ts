/** Another number of lanes in, the cursor's item with it out: whoever reads next has to come with that number. */
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { changeItem } from "./change-item.ts";
import { itemId } from "./item-id.ts";
import { createLeaseTable } from "./table.ts";

export interface SetLanesOptions {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  /** Which ingester it is: the stream's name. */
  readonly name: string;
  readonly lanes: number;
  /** For a person: who did it. */
  readonly owner: string;
}

export type SetLanesResult =
  /** `fenced`: who held the lease, and ends; null: nobody did. */
  | { readonly ok: true; readonly from: number; readonly fenced: string | null }
  /** `no-item`: no ingester has ever begun. `same`: it is so already, and whoever holds the lease goes on. */
  | { readonly ok: false; readonly reason: "no-item" | "same" };

/** Cursors stay. Rejects as `changeItem` does. */
export async function setItemLanes(options: SetLanesOptions): Promise<SetLanesResult> {
  const { client, tableName, name, lanes, owner } = options;
  const table = createLeaseTable({ client, tableName, id: itemId(name) });
  const result = await changeItem<{ readonly ok: false; readonly reason: "no-item" | "same" }>({
    table,
    tableName,
    owner,
    change(item) {
      if (item === null) return { ok: false, reason: "no-item" };
      if (item.lanes === lanes) return { ok: false, reason: "same" };
      return { ok: true, before: item, item: { ...item, lanes } };
    },
  });
  if (!result.ok) return result;
  const { before } = result;
  return { ok: true, from: before.lanes, fenced: before.released ? null : before.owner };
}
