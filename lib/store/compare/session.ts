/** An address in, a session out that can only read, sees one moment, and gives up a statement in time. */
import { Client, type QueryResultRow } from "pg";

/** Which of the two databases, in the words of who compares. */
export type SideName = "this" | "other";

/** A database did not answer as it should: it says which one, and the server's words. */
export class CompareError extends Error {
  override readonly name = "CompareError";
  readonly side: SideName;
  /** SQLSTATE, or the network's code; null where there is none. */
  readonly code: string | null;

  constructor(side: SideName, cause: unknown) {
    super(cause instanceof Error && cause.message !== "" ? cause.message : String(cause), { cause });
    this.side = side;
    this.code = codeOf(cause);
  }
}

export interface SessionOptions {
  readonly connectionString: string;
  readonly side: SideName;
  /** Of each statement. */
  readonly timeoutMs: number;
}

export interface ReadSession extends AsyncDisposable {
  /** Rejects with CompareError. */
  rows<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<readonly Row[]>;
}

const CONNECT_LIMIT_MS = 10_000;

/** @throws CompareError */
export async function openReadSession({ connectionString, side, timeoutMs }: SessionOptions): Promise<ReadSession> {
  const client = new Client({
    connectionString,
    application_name: "standpipe compare",
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
  });
  // A connection that breaks rejects the query as well.
  client.on("error", () => {});
  const end = (): Promise<void> => client.end().catch(() => {});
  const explained = <Result>(work: Promise<Result>): Promise<Result> =>
    work.catch((error: unknown) => {
      throw new CompareError(side, error);
    });
  try {
    await explained(client.connect());
    await explained(client.query("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"));
    await explained(client.query(`SET LOCAL statement_timeout = ${Math.ceil(timeoutMs)}`));
  } catch (error) {
    await end();
    throw error;
  }
  return {
    async rows<Row extends QueryResultRow>(text: string, values: unknown[] = []) {
      return (await explained(client.query<Row>(text, values))).rows;
    },
    [Symbol.asyncDispose]: end,
  };
}

function codeOf(error: unknown): string | null {
  const code: unknown = typeof error === "object" && error !== null && "code" in error ? error.code : null;
  return typeof code === "string" ? code : null;
}
