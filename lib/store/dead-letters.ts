/** Dead letters as rows: listing them, and telling what became of a retry. */
import type { Pool } from "pg";
import type { LetterToRetry } from "./port.ts";

export interface ListedLetter {
  readonly id: string;
  readonly state: string;
  readonly written_at: Date;
  readonly scope: string;
  readonly reason: string;
  readonly detail: string;
  readonly relay: string;
  readonly seq: string | null;
  readonly uri: string | null;
  readonly did: string | null;
  readonly rev: string | null;
  readonly action: string | null;
  readonly attempts: number;
  readonly last_answer: string | null;
}

/** The open ones, newest first. */
export async function listDeadLetters(pool: Pool, { limit }: { readonly limit: number }): Promise<ListedLetter[]> {
  const { rows } = await pool.query<ListedLetter>(
    `SELECT d.id, d.state, d.written_at, d.scope, d.reason, d.detail, d.relay, d.seq,
       'at://' || d.did || '/' || d.collection || '/' || d.rkey AS uri, d.did, standpipe.tid_text(d.rev) AS rev, d.action,
       d.attempts, d.last_answer
     FROM standpipe.dead_letter AS d WHERE d.state = 'open' ORDER BY d.id DESC LIMIT $1`,
    [limit],
  );
  return rows;
}

interface LetterRow {
  readonly id: string;
  readonly scope: string;
  readonly relay: string;
  readonly epoch: number;
  readonly seq: string | null;
  readonly envelope: Uint8Array | null;
  readonly bytes: Uint8Array | null;
  readonly written_at: Date;
}

/** Open letters with their bytes, oldest first: the order in which a retry takes them. `ids` null: all. At most `limit` after `afterId`. */
export async function openLetters(
  pool: Pool,
  { ids, afterId, limit }: { readonly ids: readonly string[] | null; readonly afterId: string; readonly limit: number },
): Promise<LetterToRetry[]> {
  const { rows } = await pool.query<LetterRow>(
    `SELECT id, scope, relay, epoch, seq, envelope, bytes, written_at FROM standpipe.dead_letter
     WHERE state = 'open' AND ($1::int8[] IS NULL OR id = ANY ($1::int8[])) AND id > $2 ORDER BY id LIMIT $3`,
    [ids, afterId, limit],
  );
  return rows.map(({ written_at, seq, ...row }) => ({
    ...row,
    seq: seq === null ? null : Number(seq),
    writtenAtMs: written_at.getTime(),
  }));
}

/** A retry that failed: the letter stays open and keeps the answer. */
export async function noteAttempt(
  pool: Pool,
  { id, answer }: { readonly id: string; readonly answer: string },
): Promise<void> {
  await pool.query("UPDATE standpipe.dead_letter SET attempts = attempts + 1, last_answer = $2 WHERE id = $1", [
    id,
    answer.replaceAll("\0", "\uFFFD"),
  ]);
}
