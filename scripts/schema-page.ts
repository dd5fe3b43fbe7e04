/** A migrated database's comments and docs/schema.md in, the page with its tables made anew out. */
import type { ClientBase } from "pg";

interface Column {
  readonly name: string;
  readonly type: string;
  readonly comment: string;
}

interface View {
  readonly name: string;
  readonly comment: string;
  readonly columns: readonly Column[];
}

interface SchemaFunction {
  readonly signature: string;
  readonly result: string;
  readonly comment: string;
}

export interface Catalogue {
  readonly views: readonly View[];
  readonly functions: readonly SchemaFunction[];
}

/** A column that so many views have in the same words is told once. */
const COMMON_FROM = 8;

/** Everything that we made in the schema, in the order of the alphabet; a comment is empty where there is none. */
export async function readCatalogue(client: ClientBase, schema: string): Promise<Catalogue> {
  const columns = await client.query<{ view: string; view_comment: string | null } & Column>(
    `SELECT v.relname AS view, obj_description(v.oid, 'pg_class') AS view_comment, a.attname AS name,
       replace(format_type(a.atttypid, NULL), 'timestamp with time zone', 'timestamptz') AS type,
       coalesce(col_description(v.oid, a.attnum), '') AS comment
     FROM pg_class AS v JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0
     WHERE v.relnamespace = $1::regnamespace AND v.relkind = 'v' ORDER BY v.relname, a.attnum`,
    [schema],
  );
  const functions = await client.query<SchemaFunction>(
    `SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS signature,
       replace(pg_get_function_result(p.oid), 'SETOF ', '') AS result, coalesce(obj_description(p.oid, 'pg_proc'), '') AS comment
     FROM pg_proc AS p WHERE p.pronamespace = $1::regnamespace ORDER BY p.proname, signature`,
    [schema],
  );
  const views = Map.groupBy(columns.rows, ({ view }) => view);
  return {
    views: Array.from(views, ([name, rows]) => ({ name, comment: ownWords(rows[0]?.view_comment), columns: rows })),
    functions: functions.rows.map((each) => ({ ...each, comment: ownWords(each.comment) })),
  };
}

/** The migrations put their mark before every comment. */
function ownWords(comment: string | null | undefined): string {
  return (comment ?? "").replace(/^standpipe(: )?/, "");
}

const PLACE = /(<!-- made: (\S+) -->\n\n)[\s\S]*?(\n\n<!-- end -->)/g;

/** What stands between `<!-- made: NAME -->` and `<!-- end -->` is replaced. NAME is `common`, `functions` or a view's. */
export function fillSchemaPage(page: string, catalogue: Catalogue): string {
  return page.replace(PLACE, (_, start: string, name: string, end: string) => start + madePart(name, catalogue) + end);
}

/** Names between the markers of a page. */
export function madePlaces(page: string): readonly string[] {
  return Array.from(page.matchAll(PLACE), ([, , name = ""]) => name);
}

function madePart(name: string, catalogue: Catalogue): string {
  const common = commonColumns(catalogue);
  if (name === "common") return columnTable([...common.values()]);
  if (name === "functions") return functionTable(catalogue.functions);
  const view = catalogue.views.find((each) => each.name === name);
  if (view === undefined) throw new RangeError(`docs/schema.md has a place for ${name}, which is no view`);
  const own = view.columns.filter((column) => !common.has(wordsOf(column)));
  const shared = view.columns.filter((column) => common.has(wordsOf(column))).map((column) => `\`${column.name}\``);
  const told = shared.length === 0 ? "" : `Common columns: ${shared.join(" ")}.`;
  return [view.comment, told, own.length === 0 ? "" : columnTable(own)].filter((part) => part !== "").join("\n\n");
}

function commonColumns({ views }: Catalogue): ReadonlyMap<string, Column> {
  const all = Map.groupBy(
    views.flatMap((view) => view.columns),
    wordsOf,
  );
  const common = new Map<string, Column>();
  for (const [words, columns] of all) {
    const [first] = columns;
    if (first !== undefined && columns.length >= COMMON_FROM) common.set(words, first);
  }
  return common;
}

function wordsOf({ name, type, comment }: Column): string {
  return `${name} ${type} ${comment}`;
}

function columnTable(columns: readonly Column[]): string {
  return table(
    ["column", "type", "meaning"],
    columns.map(({ name, type, comment }) => [`\`${name}\``, type, comment]),
  );
}

function functionTable(functions: readonly SchemaFunction[]): string {
  return table(
    ["function", "rows of", "meaning"],
    functions.map(({ signature, result, comment }) => [`\`${signature}\``, `\`${result}\``, comment]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
