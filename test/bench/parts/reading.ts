/** `reading`: how fast what is stored can be read, with the connection warm and the table at its middle size of `growth`. */
import { Client, escapeLiteral, Query, type QueryArrayConfig } from "../../support/postgres-client.ts";
import type { BenchDatabase } from "../database.ts";
import { type Figure, formatNumber, type Part, percentile } from "../figure.ts";
import { openGrowing, scaleOf } from "../growing-database.ts";
import type { PackLoad } from "../load/packs.ts";

const ROWS_BUDGET = 100_000;
const P99_BUDGET_MS = 5;
const WARM_UP = 200;
const PAGE = 50;

interface ReadingOptions {
  readonly database: BenchDatabase;
  readonly load: PackLoad;
  readonly likes: number;
  /** Of each kind. */
  readonly lookUps: number;
  readonly log: (line: string) => void;
}

export const reading: Part = {
  name: "reading",
  about: "Reading the views and functions that people query, on a warm connection, while nothing is written.",
  async run({ quick, log }) {
    const scale = scaleOf(quick);
    const [few, likes] = scale.stages;
    await using grown = await openGrowing(scale, log);
    const { database, load } = grown;
    await grown.growTo(few);
    const scan = await scanFigures({ database, log });
    await grown.growTo(likes);
    return [...scan, ...(await lookUpFigures({ database, load, likes, lookUps: scale.lookUps, log }))];
  },
};

/** Of a whole view: at the size at which that takes no minutes. */
export function scanFigures({ database, log }: Pick<ReadingOptions, "database" | "log">): Promise<readonly Figure[]> {
  return withReader(database, async (client) => {
    log("SELECT * FROM likes");
    return [await scanFigure(client, database)];
  });
}

export function lookUpFigures(options: ReadingOptions): Promise<readonly Figure[]> {
  const { database, load, likes, lookUps, log } = options;
  return withReader(database, async (client) => {
    const figures: Figure[] = [];
    const uris = load.sampleMade(lookUps + WARM_UP);
    const liked = load.sampleLiked(lookUps + WARM_UP);
    for (const isPrepared of [false, true]) {
      log(`look-ups, ${isPrepared ? "prepared" : "not prepared"}`);
      const size = `${formatNumber(likes)} likes`;
      figures.push(await lookUpFigure(client, { ...RECORD, uris, isPrepared, size }));
      figures.push(await lookUpFigure(client, { ...LIKES_OF, uris: liked, isPrepared, size }));
    }
    return figures;
  });
}

async function withReader<Result>(database: BenchDatabase, read: (client: Client) => Promise<Result>): Promise<Result> {
  // As autovacuum would have left it by the time that somebody reads.
  await database.client.query("VACUUM (ANALYZE)");
  const client = new Client({ connectionString: database.connectionString });
  await client.connect();
  try {
    return await read(client);
  } finally {
    await client.end();
  }
}

/** Every row to the client, one message each, taken apart into texts and let go. */
async function scanFigure(client: Client, database: BenchDatabase): Promise<Figure> {
  const text: QueryArrayConfig = {
    text: "SELECT * FROM likes",
    rowMode: "array",
    types: { getTypeParser: () => String },
  };
  const query = new Query(text);
  let rows = 0;
  // Who listens to rows gets them one by one, and nobody keeps them.
  query.on("row", () => {
    rows += 1;
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  query.on("end", () => resolve());
  query.on("error", reject);
  const before = { at: performance.now(), cpu: process.cpuUsage(), postgres: database.cpuSeconds() };
  client.query(query);
  await promise;
  const seconds = (performance.now() - before.at) / 1000;
  const { user, system } = process.cpuUsage(before.cpu);
  const server = (database.cpuSeconds() - before.postgres) * 1e6;
  return {
    part: "reading",
    name: "SELECT * FROM likes",
    value: rows / seconds,
    unit: "rows/s",
    budget: { atLeast: ROWS_BUDGET },
    note: `all ${formatNumber(rows)} rows and columns of the view, over TCP to one Node process that takes each apart into texts and drops it; server and client share the machine. CPU a row: Postgres ${formatNumber(server / rows)} µs, the client ${formatNumber((user + system) / rows)} µs.`,
  };
}

interface LookUp {
  readonly name: string;
  readonly note: string;
  /** With $1 for the URI. */
  readonly sql: string;
}

const RECORD: LookUp = {
  name: "record(uri => …)",
  note: "one half posts, one half likes of the whole load, evenly over its time",
  sql: "SELECT * FROM record(uri => $1)",
};
const LIKES_OF: LookUp = {
  name: `page of likes_of(uri, max => ${PAGE}), the latest`,
  note: "posts as likes choose them: the much liked ones often",
  sql: `SELECT * FROM likes_of($1, max => ${PAGE})`,
};

interface LookUpOptions extends LookUp {
  readonly uris: readonly string[];
  readonly isPrepared: boolean;
  readonly size: string;
}

async function lookUpFigure(
  client: Client,
  { name, note, sql, uris, isPrepared, size }: LookUpOptions,
): Promise<Figure> {
  const times: number[] = [];
  let found = 0;
  for (const [index, uri] of uris.entries()) {
    const begin = performance.now();
    const { rowCount } = isPrepared
      ? await client.query({ name: sql, text: sql, values: [uri] })
      : await client.query(sql.replace("$1", () => escapeLiteral(uri)));
    if (index < WARM_UP) continue;
    times.push(performance.now() - begin);
    found += rowCount ?? 0;
  }
  return {
    part: "reading",
    name: `${name}, ${isPrepared ? "prepared" : "as text"}: p99`,
    value: percentile(times, 0.99),
    unit: "ms",
    budget: { atMost: P99_BUDGET_MS },
    note: `at ${size}; p50 ${formatNumber(percentile(times, 0.5))} ms; ${formatNumber(times.length)} look-ups, ${formatNumber(found / times.length)} rows each; ${note}.`,
  };
}
