/** A statement in, what its plan reads whole out: the names of base tables with many rows that no index narrows down. */
import type { ClientBase } from "pg";

interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly "Function Name"?: string;
  readonly Plans?: readonly PlanNode[];
}

export interface PlanReading {
  /** Base tables (or their indexes) read from end to end. */
  readonly wholeScans: readonly string[];
  /** Functions that the planner could not put in line: nothing is known of what they read. */
  readonly opaqueFunctions: readonly string[];
}

/** Of a plan for the values given; `many` is the number of rows from which reading a relation whole counts. */
export async function readPlan(
  client: ClientBase,
  statement: string,
  { many }: { readonly many: number },
): Promise<PlanReading> {
  const { rows } = await client.query<{ "QUERY PLAN": readonly [{ readonly Plan: PlanNode }] }>(
    `EXPLAIN (FORMAT JSON) ${statement}`,
  );
  const sizes = await relationSizes(client);
  const nodes = rows.flatMap((row) => flatten(row["QUERY PLAN"][0].Plan));
  return {
    wholeScans: [...new Set(nodes.flatMap((node) => wholeScan(node, sizes, many)))],
    opaqueFunctions: nodes.flatMap((node) =>
      node["Node Type"] === "Function Scan" ? [node["Function Name"] ?? "?"] : [],
    ),
  };
}

async function relationSizes(client: ClientBase): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ name: string; rows: number }>(
    "SELECT relname AS name, reltuples AS rows FROM pg_class WHERE relnamespace = 'standpipe'::regnamespace",
  );
  return new Map(rows.map((row) => [row.name, row.rows]));
}

function flatten(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)];
}

/** An index without a condition is read whole too; a partial one may be small while its table is not. */
function wholeScan(node: PlanNode, sizes: ReadonlyMap<string, number>, many: number): string[] {
  const table = node["Relation Name"];
  const index = node["Index Name"];
  switch (node["Node Type"]) {
    case "Seq Scan":
    case "Tid Range Scan":
    case "Sample Scan":
      return table !== undefined && (sizes.get(table) ?? 0) >= many ? [table] : [];
    case "Index Scan":
    case "Index Only Scan":
    case "Bitmap Index Scan": {
      const isWhole = node["Index Cond"] === undefined && index !== undefined && (sizes.get(index) ?? 0) >= many;
      return isWhole ? [`${table ?? index} by ${index}`] : [];
    }
    default:
      return [];
  }
}
