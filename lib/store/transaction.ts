/** One transaction of the consumer: lock, look, write. */
import type { AuthorState, ChosenOp } from "../core/choice.ts";
import type { PathState } from "../core/plan.ts";
import type { AccountState } from "../core/plan-accounts.ts";
import type { RowChanges } from "../core/row-change.ts";
import { tickOf } from "../core/tick.ts";
import { int4Array, int8ArrayOfNumbers, readArray, textArray } from "./arrays.ts";
import { batchArguments, int4, int8, text } from "./batch-arrays.ts";
import type { NamesOnConnection } from "./names.ts";
import {
  type FinishedPack,
  type LockedState,
  type LockRequest,
  StoreError,
  type StoreTransaction,
  type WorkEnd,
} from "./port.ts";
import type { Queries } from "./queries-port.ts";
import {
  gapStatement,
  ODD_PATH_MARK,
  type Statement,
  statement,
  statementsAfter,
  statementsBefore,
} from "./rare-changes.ts";
import { RAW_RESULT } from "./raw-result.ts";

interface LockRow {
  readonly revs: string | null;
  readonly contiguous_froms: string | null;
  readonly odd: string | null;
  readonly trees: string | null;
  readonly lane_fences: string | null;
  readonly lane_numbers: string | null;
}

export function createTransaction(client: Queries, names: NamesOnConnection): StoreTransaction {
  return {
    resolve: (wanted) => names.resolve(wanted),
    lock: (request) => lock(client, request),
    pathStates: (ops) => pathStates(client, ops),
    write: (changes, end) => write(client, changes, end),
  };
}

async function lock(client: Queries, request: LockRequest): Promise<LockedState> {
  const authors = request.authors.toSorted((a, b) => a - b);
  const { rows } = await client.query<LockRow>({
    text: `SELECT revs, contiguous_froms, odd, trees, lane_fences, lane_numbers
           FROM standpipe.lock_batch($1::int4[], $2::int4[], $3::bool)`,
    values: [int4Array(request.lanes), int4Array(authors), request.withTrees],
    ...RAW_RESULT,
  });
  const row = rows[0];
  const states = authorStates(authors, row);
  const numbers = readArray(row?.lane_numbers);
  const lanes = readArray(row?.lane_fences).map((fence, index) => ({
    fence: Number(fence),
    number: Number(numbers[index]),
  }));
  const accounts = request.announced.length === 0 ? [] : await lockAccounts(client, request.announced);
  return { authors: request.authors.map((actor) => stateOf(states, actor)), lanes, accounts };
}

/** `authors` in the order in which the row has their states. */
function authorStates(authors: readonly number[], row: LockRow | undefined): ReadonlyMap<number, AuthorState> {
  const [revs, froms, trees] = [readArray(row?.revs), readArray(row?.contiguous_froms), readArray(row?.trees)];
  const odd = new Set(readArray(row?.odd).map(Number));
  return new Map(
    authors.slice(0, revs.length).map((actor, index) => {
      const tree = trees[index] ?? null;
      const state: AuthorState = {
        rev: BigInt(revs[index] ?? 0),
        contiguousFrom: BigInt(froms[index] ?? 0),
        isOdd: odd.has(actor),
        tree: tree === null ? null : Buffer.from(tree, "hex"),
      };
      return [actor, state];
    }),
  );
}

function stateOf(states: ReadonlyMap<number, AuthorState>, actor: number): AuthorState {
  const state = states.get(actor);
  if (state === undefined) throw new RangeError(`no state came of actor ${actor}`);
  return state;
}

interface AccountRow {
  readonly actor: number;
  readonly account_relay: number | null;
  readonly account_seq: string | null;
  readonly identity_relay: number | null;
  readonly identity_seq: string | null;
}

async function lockAccounts(client: Queries, actors: readonly number[]): Promise<readonly (AccountState | null)[]> {
  const { rows } = await client.query<AccountRow>(
    `SELECT t.actor, t.account_relay, t.account_seq, t.identity_relay, t.identity_seq
     FROM standpipe.account AS t WHERE t.actor = ANY ($1::int4[]) ORDER BY t.actor FOR UPDATE`,
    [int4Array(actors)],
  );
  const states = new Map(
    rows.map((row) => [
      row.actor,
      {
        accountRelay: row.account_relay,
        accountSeq: row.account_seq === null ? null : Number(row.account_seq),
        identityRelay: row.identity_relay,
        identitySeq: row.identity_seq === null ? null : Number(row.identity_seq),
      },
    ]),
  );
  return actors.map((actor) => states.get(actor) ?? null);
}

async function pathStates(client: Queries, ops: readonly ChosenOp[]): Promise<ReadonlyMap<ChosenOp, PathState>> {
  const { text: sql, values } = statement(
    "SELECT row_rev, tombstone_rev FROM standpipe.path_states({}, {}, {}, {}, {})",
    [
      int4(ops, (chosen) => (chosen.tid === null ? 0 : chosen.collection)),
      int4(ops, (chosen) => chosen.actor),
      int4(ops, (chosen) => chosen.collection),
      text(ops, (chosen) => chosen.op.op.rkey),
      int8(ops, (chosen) => chosen.tid),
    ],
  );
  const { rows } = await client.query<{ row_rev: string | null; tombstone_rev: string | null }>(sql, [...values]);
  return new Map(
    ops.map((chosen, index) => {
      const row = rows[index];
      return [chosen, { rowRev: bigintOrNull(row?.row_rev), tombstoneRev: bigintOrNull(row?.tombstone_rev) }];
    }),
  );
}

async function write(client: Queries, changes: RowChanges, end: WorkEnd): Promise<void> {
  const tick = tickOf(end.writtenAtMs);
  let grown = changes.misfits.length;
  for (const each of statementsBefore(changes, tick)) {
    const removed = await run(client, each);
    grown -= each.text.startsWith(ODD_PATH_MARK) ? removed : 0;
  }
  grown += await writeBatch(client, changes, tick);
  for (const each of statementsAfter(changes, tick)) {
    await run(client, each);
  }
  if (end.gaps.length > 0) {
    await run(client, gapStatement(end.gaps));
  }
  if (end.letter !== null) {
    await client.query(
      `UPDATE standpipe.dead_letter SET state = $2, last_answer = $2, attempts = attempts + 1, closed_at = now() WHERE id = $1 AND state = 'open'`,
      [end.letter.id, end.letter.state],
    );
  }
  await endWork(client, end, grown);
  await notePlaces(client, end.packs);
}

/** The code of the StoreError for work under a lease that another worker has by now. */
export const REPLACED = "REPLACED";

/** Only for packs of streams whose place is kept here. */
async function notePlaces(client: Queries, packs: readonly FinishedPack[]): Promise<void> {
  const placed = packs.flatMap(({ lane, source }) => (source === null ? [] : [{ lane, ...source }]));
  if (placed.length === 0) return;
  const { rows } = await client.query<{ noted: boolean }>(
    "SELECT standpipe.note_places($1::text[], $2::int8[], $3::int4[], $4::int8[], $5::int8[]) AS noted",
    [
      textArray(placed.map(({ stream }) => stream)),
      int8ArrayOfNumbers(placed.map(({ fence }) => fence)),
      int4Array(placed.map(({ lane }) => lane)),
      int8ArrayOfNumbers(placed.map(({ entry }) => entry.ms)),
      int8ArrayOfNumbers(placed.map(({ entry }) => entry.n)),
    ],
  );
  if (rows[0]?.noted === true) return;
  // Passing, and not poison: the process learns of its loss by itself, and until then the work must not count as anything else.
  throw new StoreError("another worker reads this stream by now", { kind: "transient", code: REPLACED, cause: null });
}

async function run(client: Queries, { text: sql, values }: Statement): Promise<number> {
  const { rowCount } = await client.query(sql, [...values]);
  return rowCount ?? 0;
}

async function writeBatch(client: Queries, changes: RowChanges, tick: number): Promise<number> {
  const args = [{ type: "int4", value: tick }, ...batchArguments(changes)];
  const { text: sql, values } = statement(
    `SELECT standpipe.write_batch(${args.map(() => "{}").join(", ")}) AS grown`,
    args,
  );
  const { rows } = await client.query<{ grown: number }>(sql, [...values]);
  return rows[0]?.grown ?? 0;
}

async function endWork(client: Queries, end: WorkEnd, grown: number): Promise<void> {
  const units = end.single === null ? end.packs : [end.single];
  await client.query(
    `SELECT standpipe.end_work($1::int4[], $2::int4[], $3::int8[], $4::int8[], $5::bool, $6::int4, $7::int8[], $8::int8[],
       (SELECT array_agg(to_timestamp(ms / 1000.0) ORDER BY at) FROM unnest($9::int8[]) WITH ORDINALITY AS t (ms, at)), $10::int4, $11::int4)`,
    [
      int4Array(units.map((unit) => unit.relayId)),
      int4Array(units.map((unit) => unit.lane)),
      int8ArrayOfNumbers(units.map((unit) => unit.firstSeq)),
      int8ArrayOfNumbers(units.map((unit) => unit.lastSeq)),
      end.single !== null,
      end.packs[0]?.lanes ?? 0,
      int8ArrayOfNumbers(end.packs.map((pack) => pack.fence)),
      int8ArrayOfNumbers(end.packs.map((pack) => pack.number)),
      int8ArrayOfNumbers(end.packs.map((pack) => pack.timeMs)),
      grown,
      end.countLane,
    ],
  );
}

function bigintOrNull(value: string | null | undefined): bigint | null {
  return value === null || value === undefined ? null : BigInt(value);
}
