/** Recounts every counter from the stored records. */
import type { Pool } from "pg";

export interface WrongCounter {
  /** `likes of at://…`, `followers of did:…`, `records`. */
  readonly what: string;
  readonly stored: number;
  readonly counted: number;
}

/** Counters that do not say what is stored: none, if all is well. Reads every table once. Meant for checks, not for a busy hour. */
export async function checkCounters(pool: Pool): Promise<WrongCounter[]> {
  const { rows } = await pool.query<{ what: string; stored: string; counted: string }>(RECOUNT);
  return rows.map(({ what, stored, counted }) => ({ what, stored: Number(stored), counted: Number(counted) }));
}

const RECOUNT = `
  WITH counted AS (
    SELECT 'likes' AS what, subject AS id, count(*) AS n FROM standpipe."like" GROUP BY subject
    UNION ALL SELECT 'reposts', subject, count(*) FROM standpipe.repost GROUP BY subject
    UNION ALL SELECT 'replies', parent, count(*) FROM standpipe.post WHERE parent IS NOT NULL GROUP BY parent
    UNION ALL SELECT 'quotes', quote, count(*) FROM standpipe.post WHERE quote IS NOT NULL GROUP BY quote
    UNION ALL SELECT 'followers', subject, count(*) FROM standpipe.follow GROUP BY subject
    UNION ALL SELECT 'follows', actor, count(*) FROM standpipe.follow GROUP BY actor
    UNION ALL SELECT 'posts', actor, count(*) FROM standpipe.post GROUP BY actor
    UNION ALL SELECT 'records', 0, (SELECT count(*) FROM standpipe."like") + (SELECT count(*) FROM standpipe.repost)
      + (SELECT count(*) FROM standpipe.follow) + (SELECT count(*) FROM standpipe.block) + (SELECT count(*) FROM standpipe.post)
      + (SELECT count(*) FROM standpipe.document) + (SELECT count(*) FROM standpipe.misfit)),
  stored AS (
    SELECT 'likes' AS what, subject AS id, likes AS n FROM standpipe.subject_count
    UNION ALL SELECT 'reposts', subject, reposts FROM standpipe.subject_count
    UNION ALL SELECT 'replies', subject, replies FROM standpipe.subject_count
    UNION ALL SELECT 'quotes', subject, quotes FROM standpipe.subject_count
    UNION ALL SELECT 'followers', actor, followers FROM standpipe.actor_count
    UNION ALL SELECT 'follows', actor, follows FROM standpipe.actor_count
    UNION ALL SELECT 'posts', actor, posts FROM standpipe.actor_count
    UNION ALL SELECT 'records', 0, coalesce(sum(records), 0) FROM standpipe.lane)
  SELECT coalesce(c.what, s.what) || ' of ' || coalesce(c.id, s.id) AS what, coalesce(s.n, 0) AS stored, coalesce(c.n, 0) AS counted
  FROM counted AS c FULL JOIN stored AS s ON s.what = c.what AND s.id = c.id
  WHERE coalesce(s.n, 0) <> coalesce(c.n, 0)`;
