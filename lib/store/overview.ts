/** A database in, what it holds out: for `/status`, `standpipe status` and the status line. Read-only. */
import pg from "pg";

/** A pool or a client. */
export type Queryable = Pick<pg.Pool, "query">;

export interface Totals {
  /** Records stored, exactly. */
  readonly rows: number;
  /** Open ones. */
  readonly deadLetters: number;
  readonly gaps: number;
}

/** Cheap whatever the size of the database: no base table is read. */
export async function readTotals(database: Queryable): Promise<Totals> {
  const { rows } = await database.query<{ rows: string; dead_letters: string; gaps: string }>(
    `SELECT (SELECT coalesce(sum(records), 0) FROM standpipe.lane) AS rows,
       (SELECT count(*) FROM standpipe.dead_letter WHERE state = 'open') AS dead_letters,
       (SELECT count(*) FROM standpipe.gap) AS gaps`,
  );
  const row = rows[0];
  return { rows: Number(row?.rows), deadLetters: Number(row?.dead_letters), gaps: Number(row?.gaps) };
}

export interface SavedCursorRow {
  readonly relay: string;
  readonly epoch: number;
  readonly cursor: number;
  /** ISO 8601; null where no event before it had a readable time. */
  readonly cursorTime: string | null;
  readonly savedAt: string;
}

export interface GapRow {
  readonly reason: string;
  readonly relay: string;
  readonly epoch: number;
  readonly afterSeq: number | null;
  readonly beforeSeq: number | null;
  readonly fromTime: string | null;
  readonly toTime: string | null;
  readonly detail: string;
  readonly recordedAt: string;
}

export interface Overview extends Totals {
  /** About how many rows each view's table has, by the server's own statistics. */
  readonly rowsByView: Readonly<Record<string, number>>;
  /** Open ones. */
  readonly deadLettersByReason: Readonly<Record<string, number>>;
  /** The latest first, GAPS_SHOWN at the most. */
  readonly latestGaps: readonly GapRow[];
  readonly cursors: readonly SavedCursorRow[];
}

const GAPS_SHOWN = 20;
const CONNECT_LIMIT_MS = 10_000;

/** Base tables whose view has another name than the table. */
const VIEW_OF_TABLE: Readonly<Record<string, string>> = {
  account: "users",
  profile: "profiles",
  post: "posts",
  like: "likes",
  repost: "reposts",
  follow: "follows",
  block: "blocks",
  list: "lists",
  list_item: "list_items",
  list_block: "list_blocks",
  feed_generator: "feed_generators",
  starter_pack: "starter_packs",
  labeler_service: "labeler_services",
  verification: "verifications",
  thread_gate: "thread_gates",
  post_gate: "post_gates",
  generic: "generic_records",
};

/** Connects, looks, and goes. Rejects as the client does, also where nothing has been migrated yet. */
export async function readOverview(connectionString: string): Promise<Overview> {
  const client = new pg.Client({
    connectionString,
    application_name: "standpipe status",
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
  });
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const totals = await readTotals(client);
    return {
      ...totals,
      rowsByView: await readRowsByView(client),
      deadLettersByReason: await readDeadLettersByReason(client),
      latestGaps: await readLatestGaps(client),
      cursors: await readCursors(client),
    };
  } finally {
    await client.end().catch(() => {});
  }
}

async function readRowsByView(database: Queryable): Promise<Record<string, number>> {
  const { rows } = await database.query<{ name: string; rows: string }>(
    "SELECT relname AS name, n_live_tup AS rows FROM pg_catalog.pg_stat_user_tables WHERE schemaname = 'standpipe'",
  );
  const rowsOf = new Map(rows.map((row) => [row.name, Number(row.rows)]));
  return Object.fromEntries(Object.entries(VIEW_OF_TABLE).map(([table, view]) => [view, rowsOf.get(table) ?? 0]));
}

async function readDeadLettersByReason(database: Queryable): Promise<Record<string, number>> {
  const { rows } = await database.query<{ reason: string; count: string }>(
    "SELECT reason, count(*) AS count FROM standpipe.dead_letter WHERE state = 'open' GROUP BY reason ORDER BY count(*) DESC, reason",
  );
  return Object.fromEntries(rows.map(({ reason, count }) => [reason, Number(count)]));
}

interface GapTuple {
  readonly reason: string;
  readonly relay: string;
  readonly epoch: number;
  readonly after_seq: string | null;
  readonly before_seq: string | null;
  readonly from_time: Date | null;
  readonly to_time: Date | null;
  readonly detail: string;
  readonly recorded_at: Date;
}

async function readLatestGaps(database: Queryable): Promise<readonly GapRow[]> {
  const { rows } = await database.query<GapTuple>(
    `SELECT reason, relay, epoch, after_seq, before_seq, from_time, to_time, detail, recorded_at
     FROM standpipe.gap ORDER BY id DESC LIMIT $1`,
    [GAPS_SHOWN],
  );
  return rows.map((row) => ({
    reason: row.reason,
    relay: row.relay,
    epoch: row.epoch,
    afterSeq: row.after_seq === null ? null : Number(row.after_seq),
    beforeSeq: row.before_seq === null ? null : Number(row.before_seq),
    fromTime: row.from_time?.toISOString() ?? null,
    toTime: row.to_time?.toISOString() ?? null,
    detail: row.detail,
    recordedAt: row.recorded_at.toISOString(),
  }));
}

interface CursorTuple {
  readonly relay: string;
  readonly epoch: number;
  readonly seq: string;
  readonly event_time: Date | null;
  readonly saved_at: Date;
}

async function readCursors(database: Queryable): Promise<readonly SavedCursorRow[]> {
  const { rows } = await database.query<CursorTuple>(
    "SELECT relay, epoch, seq, event_time, saved_at FROM standpipe.cursor ORDER BY saved_at DESC",
  );
  return rows.map((row) => ({
    relay: row.relay,
    epoch: row.epoch,
    cursor: Number(row.seq),
    cursorTime: row.event_time?.toISOString() ?? null,
    savedAt: row.saved_at.toISOString(),
  }));
}
