/** What the demo's database holds, in, the lines that tell a newcomer about it and what to ask next, out. */
import { countText } from "../../lib/telemetry/status-line.ts";

/** Rows of one view. */
export interface ViewCount {
  readonly view: string;
  readonly rows: number;
}

/** Views that the summary counts, in its order; one statement, so that it is one look at the database. */
const COUNTED_VIEWS = ["users", "posts", "likes", "reposts", "follows", "blocks", "lists", "generic_records"] as const;

/** `schema` is DATABASE_SCHEMA. Gives rows of `view` and `rows`. */
export function summaryStatement(schema: string): string {
  return COUNTED_VIEWS.map((view) => `SELECT '${view}' AS view, count(*)::int AS rows FROM "${schema}"."${view}"`).join(
    " UNION ALL ",
  );
}

/** Queries worth a first look, each one that answers something on every recording. */
const QUERIES: readonly (readonly [question: string, statement: string])[] = [
  [
    "the most liked posts",
    "SELECT p.text, c.likes, c.replies FROM posts p JOIN post_counts c USING (uri) ORDER BY c.likes DESC LIMIT 5",
  ],
  [
    "who is followed most",
    "SELECT u.handle, c.followers FROM users u JOIN actor_counts c USING (did) ORDER BY 2 DESC LIMIT 5",
  ],
  ["what kinds of records there are", "SELECT collection, count(*) FROM records GROUP BY 1 ORDER BY 2 DESC"],
];

export interface SummaryInput {
  readonly counts: readonly ViewCount[];
  readonly events: number;
  readonly seconds: number;
  /** How the command is called here, such as `npx standpipe`. */
  readonly command: string;
}

export function demoSummary(input: SummaryInput): readonly string[] {
  const { counts, events, seconds, command } = input;
  const width = Math.max(...counts.map(({ view }) => view.length));
  const rate = countText(Math.round(events / Math.max(seconds, 0.001)));
  return [
    "",
    `The recording is in the database: ${countText(events)} events in ${seconds.toFixed(1)} s (${rate} events/s).`,
    "",
    ...counts.map(({ view, rows }) => `  ${view.padEnd(width)}  ${countText(rows).padStart(9)}`),
    "",
    "Three queries to try:",
    ...QUERIES.flatMap(([question, statement]) => ["", `  # ${question}`, `  ${command} sql --demo "${statement}"`]),
    "",
    `For the live network: ${command} start`,
  ];
}
