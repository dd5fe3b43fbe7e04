/** What runs SQL: a client in a transaction, or the pool. */
import type { QueryConfig, QueryResult, QueryResultRow } from "pg";

export interface Queries {
  query<Row extends QueryResultRow>(text: string | QueryConfig, values?: unknown[]): Promise<QueryResult<Row>>;
}
