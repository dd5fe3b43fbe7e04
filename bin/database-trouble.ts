/** What the way to a database said in, whether it is away, wrongly named, or something else out. */
import { ConfigurationError } from "../lib/config/configuration-error.ts";
import { errorLine } from "../lib/telemetry/log.ts";

/** SQLSTATE classes of a server that is there and may take us later: connection, resources, operator's intervention, system error. */
const PASSING_CLASSES = ["08", "40", "53", "55", "57", "58"];
/** invalid authorization, no such database: nothing that waiting mends. */
const WRONG_ADDRESS = /^(28[0-9A-Z]{3}|3D000)$/;
/** insufficient_privilege: of our own statements, the user of DATABASE_URL is not one who may do what Standpipe does. */
const WRONG_USER = "42501";
/** The network's own codes, such as ECONNREFUSED and EAI_AGAIN. */
const NETWORK = /^E[A-Z_]+$/;

/** True where trying again later can help. */
export function isDatabaseAway(error: unknown): boolean {
  const code = codeOf(error);
  if (code === null)
    return error instanceof Error && /connection terminated|timeout exceeded|timeout expired/i.test(error.message);
  return NETWORK.test(code) || (code.length === 5 && PASSING_CLASSES.includes(code.slice(0, 2)));
}

/** undefined_table, invalid_schema_name. */
const NOT_MIGRATED = /^(42P01|3F000)$/;

/** For statements of ours: that our own tables are missing says that nobody has migrated yet. */
export function explainMissingTables(error: unknown): unknown {
  const code = codeOf(error);
  if (code === null || !NOT_MIGRATED.test(code)) return explainDatabaseError(error);
  return new Error("the database is not set up for this version: run standpipe migrate first", { cause: error });
}

/** For statements of ours: a wrong user, password or database of `setting` becomes a ConfigurationError; everything else stays as it is. */
export function explainDatabaseError(error: unknown, setting = "DATABASE_URL"): unknown {
  return codeOf(error) === WRONG_USER ? wrongAddress(error, setting) : explainWrongAddress(error, setting);
}

/** invalid_catalog_name. */
export function isNoSuchDatabase(error: unknown): boolean {
  return codeOf(error) === "3D000";
}

/** For statements of the user's own: that a right is missing for one of them says nothing about DATABASE_URL. */
export function explainWrongAddress(error: unknown, setting = "DATABASE_URL"): unknown {
  const code = codeOf(error);
  return code !== null && WRONG_ADDRESS.test(code) ? wrongAddress(error, setting) : error;
}

function wrongAddress(error: unknown, setting: string): ConfigurationError {
  return new ConfigurationError(`${setting} (not shown here): ${errorLine(error)}`, { cause: error });
}

function codeOf(error: unknown): string | null {
  const code: unknown = typeof error === "object" && error !== null && "code" in error ? error.code : null;
  if (typeof code === "string") return code;
  // Of several addresses of one host that all failed.
  return error instanceof AggregateError ? codeOf(error.errors[0]) : null;
}
