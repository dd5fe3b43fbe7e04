/** A migrated database in, nothing out: the other functions will be let in with their tokens, or this says why not. */
import { queryReadOnly } from "../../lib/store/read-only-query.ts";
import { MigrationFailure } from "./explain-failure.ts";

export interface RoleCheck {
  readonly connectionString: string;
  /** Whose members come in with tokens of IAM. Only RDS has it. */
  readonly tokenRole?: string;
}

const TIMEOUT_MS = 10_000;

/** Migrations leave a role alone that somebody else made. @throws MigrationFailure for one that would be refused. */
export async function checkRoles({ connectionString, tokenRole = "rds_iam" }: RoleCheck): Promise<void> {
  const { rows } = await queryReadOnly({
    connectionString,
    schema: "pg_catalog",
    timeoutMs: TIMEOUT_MS,
    statement: `SELECT wanted.name FROM (VALUES ('indexer'), ('reader')) AS wanted (name), pg_roles AS tokens
      WHERE tokens.rolname = ${literal(tokenRole)} AND NOT EXISTS (
        SELECT FROM pg_roles AS r JOIN pg_auth_members AS m ON m.member = r.oid
        WHERE r.rolname = wanted.name AND r.rolcanlogin AND m.roleid = tokens.oid)
      ORDER BY 1`,
  });
  if (rows.length === 0) return;
  const names = rows.map(([name]) => String(name)).join(" and ");
  throw new MigrationFailure(
    `the migrations are applied, but ${names} cannot log in with tokens: a role of that name was there before and is somebody else's, or the owner may not ` +
      `grant ${tokenRole} to it. Whoever made the role renames it, or makes it ours (COMMENT ON ROLE … IS 'standpipe'). Then deploy again, which gives it its rights`,
  );
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
