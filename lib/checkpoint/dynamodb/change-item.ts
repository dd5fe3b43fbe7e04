/** A change in, the item with it out, under a new fence: for commands that change what a process at work would write over. */
import type { LeaseItem } from "./item.ts";
import type { LeaseTable } from "./table.ts";

export interface ItemChange<Refusal> {
  readonly table: LeaseTable;
  readonly tableName: string;
  /** For a person: who did it. */
  readonly owner: string;
  /** Of what is there now; called again where somebody else was faster. */
  readonly change: (item: LeaseItem | null) => Changed | Refusal;
}

export interface Changed {
  readonly ok: true;
  readonly before: LeaseItem;
  readonly item: LeaseItem;
}

/** A holder writes each second: somebody who meets it so often in a row is not here by accident. */
const TRIES = 20;

/**
 * Takes the lease and gives it back at once. So a process that holds it is fenced and ends, and none can write over the change: its successor,
 * with a greater fence, begins with it. Rejects as DynamoDB does where it is away, and with CursorTableError.
 */
export async function changeItem<Refusal extends { readonly ok: false }>(
  options: ItemChange<Refusal>,
): Promise<{ readonly ok: true; readonly before: LeaseItem; readonly fence: number } | Refusal> {
  const { table, tableName, owner, change } = options;
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const changed = change(await table.read());
    if (!changed.ok) return changed;
    const { before, item } = changed;
    const fence = before.fence + 1;
    const outcome = await table.replace(before, { ...item, fence, beat: before.beat + 1, owner, released: true });
    if (outcome === "written") return { ok: true, before, fence };
  }
  throw new Error(`the cursor in table ${tableName} is written by somebody else all the time: try again`);
}
