/** Rows in, an aligned table for a terminal out. */

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

const MOST_COLUMNS_OF_A_CELL = 80;

/** The table's lines, a head and a rule first. Numbers stand right, long cells are cut (`--json` shows all of them). */
export function renderTable(table: Table): string {
  const cells = table.rows.map((row) => row.map(cellText));
  const widths = table.columns.map((name, column) =>
    Math.max(displayWidth(name), ...cells.map((row) => displayWidth(row[column] ?? ""))),
  );
  const rightAligned = table.columns.map((_, column) => isNumeric(table.rows.map((row) => row[column])));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => padded(cell, widths[column] ?? 0, rightAligned[column] ?? false))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [line(table.columns), rule, ...cells.map(line)].join("\n");
}

function isNumeric(values: readonly unknown[]): boolean {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length > 0 && known.every((value) => /^-?\d+(\.\d+)?$/.test(plainText(value)));
}

function cellText(value: unknown): string {
  // What somebody on the network wrote must not move the cursor of this terminal.
  const text = plainText(value).replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, " ");
  return displayWidth(text) > MOST_COLUMNS_OF_A_CELL ? cut(text) : text;
}

function plainText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "invalid date" : value.toISOString();
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  return typeof value === "object" ? JSON.stringify(value) : `${value as string | number | bigint | boolean}`;
}

function cut(text: string): string {
  let width = 0;
  let kept = "";
  for (const character of text) {
    width += displayWidth(character);
    if (width >= MOST_COLUMNS_OF_A_CELL) break;
    kept += character;
  }
  return `${kept}…`;
}

function padded(cell: string, width: number, right: boolean): string {
  const space = " ".repeat(Math.max(0, width - displayWidth(cell)));
  return right ? space + cell : cell + space;
}

const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const WITHOUT_WIDTH = /\p{M}|\p{Cf}/u;

/** Columns that a terminal gives this text: two for East Asian letters and emoji, none for marks. */
export function displayWidth(text: string): number {
  if (/^\p{ASCII}*$/u.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += WIDE.test(character) ? 2 : WITHOUT_WIDTH.test(character) ? 0 : 1;
  return width;
}
