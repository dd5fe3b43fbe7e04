/** Changes that most batches do not have: each is one statement, sent only when there is something to say. */

import { createHash } from "node:crypto";
import type { Gap } from "../core/cursor.ts";
import type { RowChanges } from "../core/row-change.ts";
import { boolArray } from "./arrays.ts";
import { bytea, int4, int8, jsonb, text } from "./batch-arrays.ts";

export interface Statement {
  readonly text: string;
  readonly values: readonly (Buffer | number)[];
}

interface Argument {
  readonly type: string;
  readonly value: Buffer | number;
}

/** What has to happen before the common changes: dead letters come first, so that a newer op of this very batch closes them. */
export function statementsBefore(changes: RowChanges, tick: number): Statement[] {
  return [
    ...accountStatements(changes, tick),
    ...when(changes.oddActors.length > 0, () =>
      statement(
        `INSERT INTO standpipe.odd_actor (actor) SELECT DISTINCT a FROM unnest({}) AS a
         WHERE NOT EXISTS (SELECT 1 FROM standpipe.odd_actor AS o WHERE o.actor = a) ORDER BY a ON CONFLICT DO NOTHING`,
        [int4(changes.oddActors, (actor) => actor)],
      ),
    ),
    ...when(changes.deadLetters.length > 0, () => deadLetterStatement(changes)),
    ...when(changes.oddPaths.length > 0, () => oddPathStatement(changes)),
  ];
}

export function statementsAfter(changes: RowChanges, tick: number): Statement[] {
  const { misfits, originals } = changes;
  return [
    ...when(misfits.length > 0, () =>
      statement(
        `INSERT INTO standpipe.misfit (rev, created, actor, collection, tick, rkey, cid, problem, cbor, value)
         SELECT u.rev, NULL, u.actor, u.collection, {}, u.rkey, u.cid, u.problem, u.cbor, u.value
         FROM unnest({}, {}, {}, {}, {}, {}, {}, {}) AS u (rev, actor, collection, rkey, cid, problem, cbor, value)`,
        [
          { type: "int4", value: tick },
          int8(misfits, (row) => row.rev),
          int4(misfits, (row) => row.actor),
          int4(misfits, (row) => row.collection),
          text(misfits, (row) => row.rkey),
          bytea(misfits, (row) => row.cid),
          text(misfits, (row) => row.problem),
          bytea(misfits, (row) => row.cbor),
          jsonb(misfits, (row) => row.json),
        ],
      ),
    ),
    ...when(originals.length > 0, () =>
      statement(
        `INSERT INTO standpipe.original (created, actor, collection, rkey, cbor, value)
         SELECT * FROM unnest({}, {}, {}, {}, {}, {}) AS u (created, actor, collection, rkey, cbor, value)
         ON CONFLICT (actor, collection, rkey) DO UPDATE SET created = excluded.created, cbor = excluded.cbor, value = excluded.value`,
        [
          int8(originals, (row) => row.created),
          int4(originals, (row) => row.actor),
          int4(originals, (row) => row.collection),
          text(originals, (row) => row.rkey),
          bytea(originals, (row) => row.cbor),
          jsonb(originals, (row) => row.json),
        ],
      ),
    ),
  ];
}

/** Misfits removed by odd paths are counted by the caller: the statement returns their number as its row count. */
export const ODD_PATH_MARK = "/* odd paths */";

function oddPathStatement({ oddPaths }: RowChanges): Statement {
  return statement(
    `${ODD_PATH_MARK} WITH u AS (SELECT * FROM unnest({}, {}, {}, {}, {}, {}) AS u (actor, collection, rkey, did, nsid, rev)),
       bytes AS (DELETE FROM standpipe.original AS t USING u WHERE t.actor = u.actor AND t.collection = u.collection AND t.rkey = u.rkey),
       letters AS (UPDATE standpipe.dead_letter AS d SET state = 'superseded', closed_at = now()
         FROM u WHERE d.state = 'open' AND d.did = u.did AND d.collection = u.nsid AND d.rkey = u.rkey AND d.rev < u.rev)
     DELETE FROM standpipe.misfit AS t USING u WHERE t.actor = u.actor AND t.collection = u.collection AND t.rkey = u.rkey`,
    [
      int4(oddPaths, (row) => row.actor),
      int4(oddPaths, (row) => row.collection),
      text(oddPaths, (row) => row.rkey),
      text(oddPaths, (row) => row.did),
      text(oddPaths, (row) => row.nsid),
      int8(oddPaths, (row) => row.rev),
    ],
  );
}

function deadLetterStatement({ deadLetters }: RowChanges): Statement {
  return statement(
    `INSERT INTO standpipe.dead_letter (digest, scope, reason, detail, relay, epoch, seq, did, collection, rkey, rev, action,
       event_time, envelope, bytes, state, closed_at)
     SELECT u.digest, u.scope, u.reason, u.detail, u.relay, u.epoch, u.seq, u.did, u.collection, u.rkey, u.rev, u.action,
       to_timestamp(u.time_ms / 1000.0), u.envelope, u.bytes,
       CASE WHEN u.superseded THEN 'superseded' ELSE 'open' END, CASE WHEN u.superseded THEN now() END
     FROM unnest({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}) AS u (digest, scope, reason, detail, relay, epoch, seq,
       did, collection, rkey, rev, action, time_ms, envelope, bytes, superseded)
     WHERE NOT EXISTS (SELECT 1 FROM standpipe.dead_letter AS d WHERE d.digest = u.digest)
     ORDER BY u.digest ON CONFLICT DO NOTHING`,
    [
      bytea(deadLetters, (row) => row.digest),
      text(deadLetters, (row) => row.scope),
      text(deadLetters, (row) => row.reason),
      text(deadLetters, (row) => noNul(row.detail)),
      text(deadLetters, (row) => row.relay),
      int4(deadLetters, (row) => row.epoch),
      int8(deadLetters, (row) => (row.seq === null ? null : BigInt(row.seq))),
      text(deadLetters, (row) => noNul(row.did)),
      text(deadLetters, (row) => noNul(row.path?.collection ?? null)),
      text(deadLetters, (row) => noNul(row.path?.rkey ?? null)),
      int8(deadLetters, (row) => row.path?.rev ?? null),
      text(deadLetters, (row) => row.path?.action ?? null),
      int8(deadLetters, (row) => (row.timeMs === null ? null : BigInt(row.timeMs))),
      bytea(deadLetters, (row) => row.envelope),
      bytea(deadLetters, (row) => row.bytes),
      { type: "bool[]", value: boolArray(deadLetters.map((row) => row.isSuperseded)) },
    ],
  );
}

/** A text column cannot hold U+0000; the exact bytes are in the envelope. */
function noNul(value: string | null): string | null {
  return value?.replaceAll("\0", "\uFFFD") ?? null;
}

/** #account and #identity: each side moves only where the batch has an event of it. Visibility follows in a second table. */
function accountStatements({ accounts }: RowChanges, tick: number): Statement[] {
  return accounts.length === 0 ? [] : [accountUpsert(accounts, tick), visibility(accounts)];
}

function accountUpsert(accounts: RowChanges["accounts"], tick: number): Statement {
  return statement(
    `INSERT INTO standpipe.account AS t (account_seq, identity_seq, actor, tick, account_relay, identity_relay, active, status, handle)
     SELECT u.account_seq, u.identity_seq, u.actor, {}, u.account_relay, u.identity_relay, coalesce(u.active, 1) = 1, u.status, u.handle
     FROM unnest({}, {}, {}, {}, {}, {}, {}, {}) AS u (actor, account_relay, account_seq, identity_relay, identity_seq, active, status, handle)
     ORDER BY u.actor
     ON CONFLICT (actor) DO UPDATE SET
       account_relay = coalesce(excluded.account_relay, t.account_relay),
       account_seq = CASE WHEN excluded.account_relay IS NULL THEN t.account_seq ELSE excluded.account_seq END,
       active = CASE WHEN excluded.account_relay IS NULL THEN t.active ELSE excluded.active END,
       status = CASE WHEN excluded.account_relay IS NULL THEN t.status ELSE excluded.status END,
       identity_relay = coalesce(excluded.identity_relay, t.identity_relay),
       identity_seq = CASE WHEN excluded.identity_relay IS NULL THEN t.identity_seq ELSE excluded.identity_seq END,
       handle = coalesce(excluded.handle, t.handle),
       tick = excluded.tick`,
    [
      { type: "int4", value: tick },
      int4(accounts, (row) => row.actor),
      int4(accounts, (row) => row.account?.relay ?? null),
      int8(accounts, (row) => (row.account === null ? null : BigInt(row.account.seq))),
      int4(accounts, (row) => row.identity?.relay ?? null),
      int8(accounts, (row) => (row.identity === null ? null : BigInt(row.identity.seq))),
      int4(accounts, (row) => (row.account === null ? null : Number(row.account.active))),
      text(accounts, (row) => noNul(row.account?.status ?? null)),
      text(accounts, (row) => noNul(row.identity?.handle ?? null)),
    ],
  );
}

function visibility(accounts: RowChanges["accounts"]): Statement {
  const said = accounts.filter((row) => row.account !== null);
  return statement(
    `WITH u AS (SELECT * FROM unnest({}, {}) AS u (actor, active)),
       visible AS (DELETE FROM standpipe.inactive_actor AS t USING u WHERE u.active = 1 AND t.actor = u.actor)
     INSERT INTO standpipe.inactive_actor (actor) SELECT u.actor FROM u WHERE u.active = 0 ORDER BY u.actor ON CONFLICT DO NOTHING`,
    [int4(said, (row) => row.actor), int4(said, (row) => Number(row.account?.active ?? true))],
  );
}

/** Gaps are told once, however often the same one is met. */
export function gapStatement(gaps: readonly Gap[]): Statement {
  return statement(
    `INSERT INTO standpipe.gap (digest, reason, relay, epoch, after_seq, before_seq, from_time, to_time, detail)
     SELECT u.digest, u.reason, u.relay, u.epoch, u.after_seq, u.before_seq, to_timestamp(u.from_ms / 1000.0), to_timestamp(u.to_ms / 1000.0), u.detail
     FROM unnest({}, {}, {}, {}, {}, {}, {}, {}, {}) AS u (digest, reason, relay, epoch, after_seq, before_seq, from_ms, to_ms, detail)
     WHERE NOT EXISTS (SELECT 1 FROM standpipe.gap AS g WHERE g.digest = u.digest)
     ON CONFLICT DO NOTHING`,
    [
      bytea(gaps, gapDigest),
      text(gaps, (gap) => gap.reason),
      text(gaps, (gap) => gap.relay),
      int4(gaps, (gap) => gap.epoch),
      int8(gaps, (gap) => bigintOrNull(gap.afterSeq)),
      int8(gaps, (gap) => bigintOrNull(gap.beforeSeq)),
      int8(gaps, (gap) => bigintOrNull(gap.fromTimeMs)),
      int8(gaps, (gap) => bigintOrNull(gap.toTimeMs)),
      text(gaps, (gap) => gap.detail),
    ],
  );
}

function gapDigest({ reason, relay, epoch, afterSeq, beforeSeq, detail }: Gap): Uint8Array {
  return createHash("sha256")
    .update(JSON.stringify([reason, relay, epoch, afterSeq, beforeSeq, detail]))
    .digest();
}

function bigintOrNull(value: number | null): bigint | null {
  return value === null ? null : BigInt(Math.trunc(value));
}

/** Each `{}` becomes the next parameter with its type. */
export function statement(template: string, args: readonly Argument[]): Statement {
  let next = 0;
  const text = template.replaceAll("{}", () => {
    const type = args[next]?.type;
    next += 1;
    return `$${next}::${type}`;
  });
  return { text, values: args.map((arg) => arg.value) };
}

function when(condition: boolean, make: () => Statement): Statement[] {
  return condition ? [make()] : [];
}
