/** What Postgres or the way to it said → StoreError. */
import { StoreError } from "./port.ts";

/**
 * SQLSTATE classes that come from the values: 22 data exception, 23 integrity violation, 54 program limit exceeded (an index
 * row too long). All others are the server's state, which can change: waiting is right, giving up an event is not.
 */
const POISON_CLASSES = new Set(["22", "23", "54"]);

/** 2200H: a sequence is at its end. Every event would be refused, and none of them is to blame. */
const SERVER_STATES = new Set(["2200H"]);

/** 23514 from the partitioned tombstones: today's partition is not open yet, which the store mends. */
export const MISSING_PARTITION = "23514";

/** 57014: the statement took longer than `statement_timeout`, or somebody cancelled it. The same may fit in parts, or at a quieter time. */
const CUT_STATEMENT = "57014";

/** Whether the server ended a statement before its end, and lives. */
export function isCutStatement(error: unknown): boolean {
  return error instanceof StoreError && error.code === CUT_STATEMENT;
}

export function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  const isPoison =
    code !== null &&
    code.length === 5 &&
    POISON_CLASSES.has(code.slice(0, 2)) &&
    code !== MISSING_PARTITION &&
    !SERVER_STATES.has(code);
  return new StoreError(message === "" ? (code ?? "unknown error") : message, {
    kind: isPoison ? "poison" : "transient",
    code,
    cause: error,
  });
}

function codeOf(error: unknown): string | null {
  const code: unknown = typeof error === "object" && error !== null && "code" in error ? error.code : null;
  return typeof code === "string" ? code : null;
}
