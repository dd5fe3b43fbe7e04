/** Two databases in, what they differ in out: counts of each kind, and a sample of accounts with their records in both directions. */
import { classify, isDifference, OUTCOMES, type Outcome } from "./classify.ts";
import { type EstablishedColumns, establishedColumns, isEstablished, openEstablishedSide } from "./established-side.ts";
import { KINDS, type Kind } from "./kinds.ts";
import { samplePoints } from "./points.ts";
import type { ComparedRecord, CompareWindow } from "./record.ts";
import { openReadSession, type ReadSession } from "./session.ts";
import { ACCOUNTS_A_POINT, type KindCount, type Side } from "./side.ts";
import { openStandpipeSide } from "./standpipe-side.ts";

export interface CompareOptions {
  /** Ours. */
  readonly connectionString: string;
  readonly other: { readonly connectionString: string; readonly schema: string };
  readonly seed: number;
  /** Accounts that are looked for in each of the two, at the most. */
  readonly accounts: number;
  /** Records of each kind and account, at the most. */
  readonly records: number;
  /** Null: what the databases say. */
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  /** Count every row instead of asking the server's statistics. */
  readonly isExact: boolean;
  /** Differences that are kept with their addresses. */
  readonly show: number;
  /** Of each statement. */
  readonly timeoutMs: number;
}

export interface ComparedSide {
  readonly form: Side["form"];
  readonly begunMs: number | null;
  readonly positionMs: number | null;
}

export interface KindComparison {
  readonly kind: string;
  /** False where the other database keeps none of this kind: then nothing else is known. */
  readonly isKept: boolean;
  readonly counts: { readonly here: KindCount; readonly there: KindCount };
  readonly outcomes: Readonly<Record<Outcome, number>>;
}

export interface Difference {
  readonly kind: string;
  readonly outcome: Outcome;
  readonly uri: string;
  readonly fields: readonly string[];
}

export type Comparison =
  | {
      readonly ok: false;
      readonly reason: ComparisonRefusal;
      readonly here: ComparedSide | null;
      readonly there: ComparedSide | null;
      readonly window: CompareWindow | null;
    }
  | {
      readonly ok: true;
      readonly here: ComparedSide;
      readonly there: ComparedSide;
      readonly window: CompareWindow;
      readonly accounts: number;
      readonly kinds: readonly KindComparison[];
      /** Records of which both databases could be asked, and how many of these differ. */
      readonly compared: number;
      readonly different: number;
      /** Some of them. */
      readonly differences: readonly Difference[];
    };

export type ComparisonRefusal =
  | "not-ours"
  | "unknown-tables"
  | "same-database"
  | "nothing-here"
  | "nothing-there"
  | "no-window";

/** The other one may still be writing what came just before its newest. */
const SETTLING_MS = 60_000;

/** Reads only, in one transaction of each. Rejects with CompareError where a database does not answer. */
export async function compareDatabases(options: CompareOptions): Promise<Comparison> {
  const { timeoutMs, other } = options;
  await using mine = await openReadSession({ connectionString: options.connectionString, side: "this", timeoutMs });
  await using theirs = await openReadSession({ connectionString: other.connectionString, side: "other", timeoutMs });
  const opened = await openSides(mine, theirs, other.schema);
  if (typeof opened === "string") return refused(opened);
  const [here, there] = opened;
  const window = windowOf(here, there, options);
  if (typeof window === "string") return refused(window, here, there);
  if (window.fromMs >= window.toMs) return refused("no-window", here, there, window);
  return await compareSides(here, there, window, options);
}

function refused(reason: ComparisonRefusal, here?: Side, there?: Side, window?: CompareWindow): Comparison {
  return { ok: false, reason, here: here ?? null, there: there ?? null, window: window ?? null };
}

async function openSides(
  mine: ReadSession,
  theirs: ReadSession,
  schema: string,
): Promise<readonly [Side, Side] | ComparisonRefusal> {
  if (!(await isOurs(mine))) return "not-ours";
  const columns: EstablishedColumns = await establishedColumns(theirs, schema);
  if (isEstablished(columns)) {
    return [await openStandpipeSide(mine), await openEstablishedSide({ session: theirs, schema, columns })];
  }
  if (!(await isOurs(theirs))) return "unknown-tables";
  if ((await identityOf(mine)) === (await identityOf(theirs))) return "same-database";
  return [await openStandpipeSide(mine), await openStandpipeSide(theirs)];
}

async function isOurs(session: ReadSession): Promise<boolean> {
  const [row] = await session.rows<{ ours: boolean }>("SELECT to_regclass('standpipe.migration') IS NOT NULL AS ours");
  return row?.ours === true;
}

async function identityOf(session: ReadSession): Promise<string | undefined> {
  const [row] = await session.rows<{ identity: string }>(
    "SELECT pg_postmaster_start_time()::text || ' ' || oid AS identity FROM pg_catalog.pg_database WHERE datname = current_database()",
  );
  return row?.identity;
}

function windowOf(
  here: Side,
  there: Side,
  { sinceMs, untilMs }: CompareOptions,
): CompareWindow | "nothing-here" | "nothing-there" {
  const begun = [here.begunMs, there.begunMs].filter((ms) => ms !== null);
  if (untilMs === null && here.positionMs === null) return "nothing-here";
  if (untilMs === null && there.positionMs === null) return "nothing-there";
  const reached = Math.min(here.positionMs ?? Infinity, there.positionMs ?? Infinity) - SETTLING_MS;
  return { fromMs: sinceMs ?? Math.max(0, ...begun), toMs: untilMs ?? reached };
}

async function compareSides(
  here: Side,
  there: Side,
  window: CompareWindow,
  options: CompareOptions,
): Promise<Comparison> {
  const points = samplePoints(options.seed, Math.ceil(options.accounts / ACCOUNTS_A_POINT));
  const found = await Promise.all([here.accounts(points, window), there.accounts(points, window)]);
  const dids = [...new Set(found.flat())].toSorted();
  const kinds: KindComparison[] = [];
  const differences: Difference[] = [];
  for (const kind of KINDS) {
    const one = await compareKind(kind, { here, there, window, dids, options });
    kinds.push(one.comparison);
    differences.push(...one.differences.slice(0, Math.max(0, options.show - differences.length)));
  }
  const sum = (counts: (outcome: Outcome) => boolean): number =>
    kinds.reduce(
      (all, { outcomes }) => all + OUTCOMES.filter(counts).reduce((n, outcome) => n + outcomes[outcome], 0),
      0,
    );
  const different = sum(isDifference);
  const compared = different + sum((outcome) => outcome === "same");
  return { ok: true, here, there, window, accounts: dids.length, kinds, compared, different, differences };
}

interface KindWork {
  readonly here: Side;
  readonly there: Side;
  readonly window: CompareWindow;
  readonly dids: readonly string[];
  readonly options: CompareOptions;
}

async function compareKind(
  kind: Kind,
  { here, there, window, dids, options }: KindWork,
): Promise<{ readonly comparison: KindComparison; readonly differences: readonly Difference[] }> {
  const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  const differences: Difference[] = [];
  const isKept = there.keeps(kind);
  const counting = { window, isExact: options.isExact };
  const [mine, theirs] = await Promise.all([here.count(kind, counting), there.count(kind, counting)]);
  if (isKept) {
    for (const pair of await pairsOf(kind, { here, there, window, dids, options })) {
      const { outcome, fields } = classify({ ...pair, kind, window, isEstablished: there.form === "established" });
      outcomes[outcome] += 1;
      const uri = (pair.here ?? pair.there)?.uri ?? "";
      if (isDifference(outcome)) differences.push({ kind: kind.name, outcome, uri, fields });
    }
  }
  return { comparison: { kind: kind.name, isKept, counts: { here: mine, there: theirs }, outcomes }, differences };
}

/** What each has of these accounts, each record asked of the other one by its key as well: what a limit has cut off is no difference. */
async function pairsOf(kind: Kind, { here, there, window, dids, options }: KindWork) {
  const wanted = { dids, window, most: options.records };
  const [mine, theirs] = (await Promise.all([here.records(kind, wanted), there.records(kind, wanted)])).map(byUri);
  if (mine === undefined || theirs === undefined) return [];
  const [foundThere, foundHere] = await Promise.all([
    there.find(
      kind,
      [...mine.keys()].filter((uri) => !theirs.has(uri)),
    ),
    here.find(
      kind,
      [...theirs.keys()].filter((uri) => !mine.has(uri)),
    ),
  ]);
  for (const record of foundThere) theirs.set(record.uri, record);
  for (const record of foundHere) mine.set(record.uri, record);
  const absences = new Map([
    ...(await there.explain(kind, without(mine, theirs))),
    ...(await here.explain(kind, without(theirs, mine))),
  ]);
  const uris = [...new Set([...mine.keys(), ...theirs.keys()])];
  return uris.map((uri) => ({ here: mine.get(uri), there: theirs.get(uri), absence: absences.get(uri) }));
}

function byUri(records: readonly ComparedRecord[]): Map<string, ComparedRecord> {
  return new Map(records.map((record) => [record.uri, record]));
}

function without(
  all: ReadonlyMap<string, ComparedRecord>,
  others: ReadonlyMap<string, ComparedRecord>,
): ComparedRecord[] {
  return [...all.values()].filter(({ uri }) => !others.has(uri));
}
