/** What `compare` has found out in, the page for a person or the JSON for a program out. */
import { OUTCOMES, type Outcome } from "../../lib/store/compare/classify.ts";
import type { ComparedSide, Comparison, Difference, KindComparison } from "../../lib/store/compare/compare.ts";
import type { KindCount } from "../../lib/store/compare/side.ts";
import { countText } from "../../lib/telemetry/status-line.ts";
import { renderTable } from "../table.ts";

/** A comparison that took place. */
export type Compared = Extract<Comparison, { readonly ok: true }>;

export interface PageContent {
  readonly comparison: Compared;
  /** Addresses without their passwords. */
  readonly here: string;
  readonly there: string;
  readonly seed: number;
  readonly isExact: boolean;
  readonly tolerancePercent: number;
}

export interface ComparisonVerdict {
  readonly isSame: boolean;
  /** One line. */
  readonly text: string;
}

/** The same within the tolerance: of the records compared, and of each kind's count in the window where rows were counted. */
export function verdictOf({ comparison, isExact, tolerancePercent }: PageContent): ComparisonVerdict {
  const { compared, different, kinds } = comparison;
  const apart = isExact ? kinds.filter((kind) => isApart(kind, tolerancePercent)).map(({ kind }) => kind) : [];
  const share = compared === 0 ? 0 : (different * 100) / compared;
  const records = `${countText(different)} of ${countText(compared)} records compared differ (${share.toFixed(2)} %, tolerance ${tolerancePercent} %)`;
  if (compared === 0)
    return { isSame: false, text: "nothing was compared: no account of the sample has a record in the window" };
  if (apart.length > 0) return { isSame: false, text: `${records}; counts differ: ${apart.join(", ")}` };
  return { isSame: share <= tolerancePercent, text: records };
}

function isApart({ isKept, counts: { here, there } }: KindComparison, tolerancePercent: number): boolean {
  if (!isKept || here.inWindow === null || there.inWindow === null) return false;
  const most = Math.max(here.inWindow, there.inWindow);
  return Math.abs(here.inWindow - there.inWindow) * 100 > most * tolerancePercent;
}

export function comparisonAsJson(content: PageContent): string {
  const { comparison, here, there, seed, isExact, tolerancePercent } = content;
  const { window, accounts, kinds, compared, different, differences } = comparison;
  const side = ({ form, begunMs, positionMs }: ComparedSide, database: string) => ({
    database,
    form,
    begun: timeText(begunMs),
    position: timeText(positionMs),
  });
  const page = {
    same: verdictOf(content).isSame,
    this: side(comparison.here, here),
    other: side(comparison.there, there),
    window: { from: timeText(window.fromMs), to: timeText(window.toMs) },
    sample: { seed, accounts },
    tolerancePercent,
    compared,
    different,
    kinds: kinds.map(({ kind, isKept, counts, outcomes }) => ({
      kind,
      keptByOther: isKept,
      counts: { exact: isExact, this: counts.here, other: counts.there },
      outcomes,
    })),
    differences,
  };
  return JSON.stringify(page, null, 2);
}

export function comparisonAsText(content: PageContent): string {
  const { comparison, here, there, seed, isExact } = content;
  const { window, accounts, kinds } = comparison;
  const sections = [
    [
      `this    ${here}: ${sideText(comparison.here)}`,
      `other   ${there}: ${sideText(comparison.there)}`,
      `window  ${timeText(window.fromMs)} to ${timeText(window.toMs)}`,
      `sample  ${countText(accounts)} accounts, seed ${seed}`,
    ].join("\n"),
    kindTable(kinds, isExact),
    ...notes(kinds),
    ...(comparison.differences.length === 0 ? [] : [differenceList(comparison)]),
    verdictOf(content).text,
  ];
  return sections.join("\n\n");
}

function sideText({ form, begunMs, positionMs }: ComparedSide): string {
  const name = form === "standpipe" ? "Standpipe" : "the tables of PublicAppView (Aurora Prism)";
  const begun = begunMs === null ? "" : `, since ${timeText(begunMs)}`;
  return `${name}${begun}${positionMs === null ? "" : `, up to ${timeText(positionMs)}`}`;
}

const HEADS: Readonly<Record<Outcome, string>> = {
  same: "same",
  differs: "differ",
  "only-this": "only this",
  "only-other": "only other",
  "deleted-here": "deleted here",
  "deleted-there": "deleted there",
  later: "later",
  outside: "outside",
  "one-a-subject": "one a subject",
  "left-out": "left out",
};

/** Columns of outcomes that never came up are left out, but for the three that everybody asks for. */
function kindTable(kinds: readonly KindComparison[], isExact: boolean): string {
  const always: readonly Outcome[] = ["same", "differs", "only-this", "only-other"];
  const shown = OUTCOMES.filter(
    (outcome) => always.includes(outcome) || kinds.some(({ outcomes }) => outcomes[outcome] > 0),
  );
  const about = isExact ? "" : ", about";
  const columns = [
    "kind",
    `rows here${about}`,
    `rows there${about}`,
    ...(isExact ? ["in window here", "in window there"] : []),
    ...shown.map((outcome) => HEADS[outcome]),
  ];
  const rows = kinds.map(({ kind, isKept, counts: { here, there }, outcomes }) => [
    kind,
    ...countCells(here, there, isExact),
    ...shown.map((outcome) => (isKept ? outcomes[outcome] : null)),
  ]);
  return renderTable({ columns, rows });
}

function countCells(here: KindCount, there: KindCount, isExact: boolean): readonly (number | null)[] {
  return isExact ? [here.rows, there.rows, here.inWindow, there.inWindow] : [here.rows, there.rows];
}

const NOTES: readonly (readonly [Outcome, string])[] = [
  ["later", "written after the window: not comparable yet"],
  ["outside", "written before the window, or nobody knows when"],
  ["one-a-subject", "the other database keeps one record for each account and subject, and has another one"],
  ["left-out", "of collections that the other database's workers leave out"],
];

function notes(kinds: readonly KindComparison[]): readonly string[] {
  const lines = NOTES.filter(([outcome]) => kinds.some(({ outcomes }) => outcomes[outcome] > 0)).map(
    ([outcome, text]) => `${HEADS[outcome]}: ${text}; no difference`,
  );
  const unkept = kinds.filter(({ isKept }) => !isKept).map(({ kind }) => kind);
  if (unkept.length > 0) lines.push(`not compared, since the other database's workers keep none: ${unkept.join(", ")}`);
  return lines.length === 0 ? [] : [lines.join("\n")];
}

function differenceList({ differences, different }: Compared): string {
  const rows = differences.map(({ kind, outcome, uri, fields }: Difference) => [
    kind,
    HEADS[outcome],
    uri,
    fields.join(", "),
  ]);
  const table = renderTable({ columns: ["kind", "difference", "record", "what"], rows });
  const hidden = different - differences.length;
  return hidden === 0 ? table : `${table}\n… and ${countText(hidden)} more (--show)`;
}

/** ISO 8601; null stays null. */
function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
