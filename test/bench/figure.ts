/** What a part of the bench has measured, and how it is written: figures in, one table out, for people and for the page. */

/** One number of a part. `ratio` says how many times better it is than the peer's. */
export interface Figure {
  readonly part: string;
  readonly name: string;
  /** The median, where it was measured more than once. */
  readonly value: number;
  /** `×` for a ratio, `%`, or a unit such as `µs`, `B`, `events/s`. */
  readonly unit: string;
  /** The smallest and the largest of the runs. */
  readonly spread?: readonly [number, number];
  readonly runs?: number;
  readonly budget?: { readonly atMost: number } | { readonly atLeast: number };
  /** Another program's number for the same thing, in the same unit. */
  readonly peer?: { readonly name: string; readonly value: number };
  readonly ratio?: number;
  /** How it was measured, what is in it and what is not: one paragraph below the table. */
  readonly note?: string;
}

export interface PartOptions {
  /** Minutes instead of half an hour: smaller loads, and the notes say which. */
  readonly quick: boolean;
  /** One line of progress. */
  readonly log: (line: string) => void;
  /** For what is worth keeping from one run to the next. */
  readonly folder: string;
}

export interface Part {
  readonly name: string;
  /** What it measures, in one line. */
  readonly about: string;
  run(options: PartOptions): Promise<readonly Figure[]>;
}

/** The middle one, or the mean of the two in the middle; NaN of nothing. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const [lower, upper] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return lower === undefined || upper === undefined ? Number.NaN : (lower + upper) / 2;
}

/** The value below which this share (0 … 1) of the numbers lies: the nearest one that was measured. NaN of nothing. */
export function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** Median, spread and number of some runs, as a figure wants them. */
export function summary(numbers: readonly number[]): Required<Pick<Figure, "value" | "spread" | "runs">> {
  return { value: median(numbers), spread: [Math.min(...numbers), Math.max(...numbers)], runs: numbers.length };
}

/** How many times better than the peer: as the part says, or by the direction of the budget. Undefined where neither tells. */
export function ratioOf({ value, budget, peer, ratio }: Figure): number | undefined {
  if (ratio !== undefined || peer === undefined || budget === undefined) return ratio;
  return "atMost" in budget ? peer.value / value : value / peer.value;
}

/** Whether the budget is met; undefined where there is none. A value that is no number meets nothing. */
export function isMet({ value, budget }: Figure): boolean | undefined {
  if (budget === undefined) return undefined;
  if (!Number.isFinite(value)) return false;
  return "atMost" in budget ? value <= budget.atMost : value >= budget.atLeast;
}

/** As many digits as a reader can use: 3 of what is small, all of a count. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "none";
  const size = Math.abs(value);
  const digits = Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Number and unit. */
export function formatQuantity(value: number, unit: string): string {
  return unit === "" || unit === "×" ? `${formatNumber(value)}${unit}` : `${formatNumber(value)} ${unit}`;
}

/** The headings of the table. */
export const COLUMNS = ["figure", "value", "budget", "peer", "ratio", "met"] as const;

/** A figure as cells, one under each heading; an empty text where there is nothing to say. */
export function cellsOf(figure: Figure): readonly string[] {
  const { name, value, unit, budget, peer } = figure;
  const measured = formatQuantity(value, unit);
  const ratio = ratioOf(figure);
  const met = isMet(figure);
  return [
    name,
    `${measured}${spreadOf(figure)}`,
    budget === undefined ? "" : formatBudget(budget, unit),
    peer === undefined ? "" : `${peer.name} ${formatQuantity(peer.value, unit)}`,
    ratio === undefined ? "" : formatQuantity(ratio, "×"),
    met === undefined ? "" : met ? "yes" : "NO",
  ];
}

/** Of one run there is none. */
function spreadOf({ spread, runs }: Figure): string {
  if (runs === 1) return " (1 run)";
  if (spread === undefined) return "";
  return ` (${formatNumber(spread[0])} to ${formatNumber(spread[1])}${runs === undefined ? "" : `, ${runs} runs`})`;
}

function formatBudget(budget: NonNullable<Figure["budget"]>, unit: string): string {
  return "atMost" in budget ? `≤ ${formatQuantity(budget.atMost, unit)}` : `≥ ${formatQuantity(budget.atLeast, unit)}`;
}

/** For a terminal: the parts one after another, columns of equal width, each note under its figure. */
export function textTable(figures: readonly Figure[]): string {
  const rows = figures.map(cellsOf);
  const widths = COLUMNS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd();
  const lines: string[] = [line(COLUMNS)];
  let part = "";
  for (const figure of figures) {
    if (figure.part !== part) lines.push("", figure.part);
    part = figure.part;
    lines.push(line(cellsOf(figure)));
    if (figure.note !== undefined) lines.push(`      ${figure.note}`);
  }
  return lines.join("\n");
}

/** For the page: a heading and a table for each part, its notes as a list below. `about` has the parts' one-line texts. */
export function markdownTables(figures: readonly Figure[], about: ReadonlyMap<string, string>): string {
  const parts = Map.groupBy(figures, ({ part }) => part);
  return [...parts].map(([part, own]) => markdownPart(part, own, about.get(part))).join("\n\n");
}

function markdownPart(part: string, figures: readonly Figure[], about: string | undefined): string {
  const row = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(" | ")} |`;
  const table = [row(COLUMNS), row(COLUMNS.map(() => "---")), ...figures.map((figure) => row(cellsOf(figure)))];
  const notes = figures.flatMap(({ name, note }) => (note === undefined ? [] : [`- *${name}*: ${note}`]));
  const blocks = [`### ${part}`, about, table.join("\n"), notes.join("\n")];
  return blocks.filter((block) => block !== undefined && block !== "").join("\n\n");
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|");
}
