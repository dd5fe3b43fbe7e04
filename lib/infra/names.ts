/** Names that a person meets in the console and types on a command line: `standpipe-<stage>-<what>`. */
import type { Stage } from "./stage.ts";

export function resourceName(stage: Pick<Stage, "name">, what: string): string {
  return `standpipe-${stage.name}-${what}`;
}

/** The namespace of a stage's own metrics in CloudWatch; what a process gets as EMF_NAMESPACE. */
export function metricNamespace(stage: Pick<Stage, "name">): string {
  return `Standpipe/${stage.name}`;
}

export const POSTGRES_PORT = 5432;

export const VALKEY_PORT = 6379;

/** The database in the server. */
export const DATABASE_NAME = "standpipe";

/** Roles in the database. The owner is the server's master user; migrations make the other two. */
export const DATABASE_ROLES = { owner: "standpipe_owner", indexer: "indexer", reader: "reader" } as const;
