/**
 * `growth`: whether an event costs more as the tables grow. Counted are buffers and bytes, not times, so that the answer is the same on a
 * noisy machine.
 */
import type { Client } from "../../support/postgres-client.ts";
import type { BenchDatabase } from "../database.ts";
import { type Figure, formatNumber, type Part } from "../figure.ts";
import { openGrowing, type Scale, scaleOf } from "../growing-database.ts";
import { createConsumer } from "../load/drain.ts";
import type { PackLoad } from "../load/packs.ts";
import { lookUpFigures, scanFigures } from "./reading.ts";

const BUDGET_PERCENT = 25;
const WINDOW_SIZE = 500;
const WORKERS = 2;

/** What an event of a window cost. */
interface Cost {
  readonly likes: number;
  readonly read: number;
  readonly dirtied: number;
  readonly walBytes: number;
  readonly fullPagePercent: number;
  /** Buffers read and bytes of full pages an event, by index or table. */
  readonly relations: ReadonlyMap<string, { readonly read: number; readonly fullPageBytes: number }>;
}

export const growth: Part = {
  name: "growth",
  about:
    "Buffers and WAL an event while the tables grow, with a `shared_buffers` that they outgrow on the way; otherwise the embedded server's settings (`wal_compression` pglz), but that neither a vacuum nor a checkpoint of its own comes in between.",
  async run({ quick, log }) {
    const scale = scaleOf(quick);
    await using grown = await openGrowing(scale, log);
    const { database, load } = grown;
    await database.client.query("CREATE EXTENSION pg_stat_statements; CREATE EXTENSION pg_walinspect");
    const costs: Cost[] = [];
    const reading: Figure[] = [];
    for (const [stage, likes] of scale.stages.entries()) {
      await grown.growTo(likes);
      log(`window of ${scale.windowEvents} events at ${formatNumber(likes)} likes`);
      costs.push(await measureWindow(likes, { database, load, events: scale.windowEvents }));
      if (stage === 0) reading.push(...(await scanFigures({ database, log })));
      if (stage === 1) reading.push(...(await lookUpFigures({ database, load, likes, lookUps: scale.lookUps, log })));
    }
    return [...growthFigures(costs, scale), ...reading];
  },
};

interface WindowOptions {
  readonly database: BenchDatabase;
  readonly load: PackLoad;
  readonly events: number;
}

/** Begins with a checkpoint, as every stretch between two checkpoints of a running server does. */
async function measureWindow(likes: number, { database, load, events }: WindowOptions): Promise<Cost> {
  const { client } = database;
  await client.query("CHECKPOINT");
  await client.query("SELECT pg_stat_statements_reset(), pg_stat_reset()");
  const from = await lsn(client);
  {
    await using consumer = createConsumer(database.connectionString, WORKERS);
    await consumer.drain(load.source({ events, size: WINDOW_SIZE }));
  }
  const to = await lsn(client);
  const { rows } = await client.query<{ read: string; dirtied: string }>(
    `SELECT sum(shared_blks_read) AS read, sum(shared_blks_dirtied) AS dirtied FROM pg_stat_statements
     WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  const wal = await client.query<{ bytes: string; full: string }>(
    `SELECT sum(combined_size) AS bytes, sum(fpi_size) AS full FROM pg_get_wal_stats($1, $2)`,
    [from, to],
  );
  const [bytes, full] = [Number(wal.rows[0]?.bytes), Number(wal.rows[0]?.full)];
  return {
    likes,
    read: Number(rows[0]?.read) / events,
    dirtied: Number(rows[0]?.dirtied) / events,
    walBytes: bytes / events,
    fullPagePercent: (full / bytes) * 100,
    relations: await relationCosts(client, { from, to, events }),
  };
}

async function lsn(client: Client): Promise<string> {
  const { rows } = await client.query<{ lsn: string }>("SELECT pg_current_wal_insert_lsn()::text AS lsn");
  return rows[0]?.lsn ?? "0/0";
}

async function relationCosts(
  client: Client,
  { from, to, events }: { readonly from: string; readonly to: string; readonly events: number },
): Promise<Cost["relations"]> {
  const { rows } = await client.query<{ name: string; read: string; full: string }>(
    `WITH full_pages AS (
       SELECT relfilenode, sum(block_fpi_length) AS bytes FROM pg_get_wal_block_info($1, $2, false)
       WHERE block_fpi_length IS NOT NULL GROUP BY relfilenode)
     SELECT c.relname AS name, coalesce(f.bytes, 0) AS full,
       coalesce(pg_stat_get_blocks_fetched(c.oid) - pg_stat_get_blocks_hit(c.oid), 0) AS read
     FROM pg_class AS c LEFT JOIN full_pages AS f ON f.relfilenode = pg_relation_filenode(c.oid)
     WHERE c.relnamespace = 'standpipe'::regnamespace AND c.relkind IN ('r', 'i')`,
    [from, to],
  );
  return new Map(
    rows.map(({ name, read, full }) => [name, { read: Number(read) / events, fullPageBytes: Number(full) / events }]),
  );
}

const METRICS = [
  { key: "read", name: "buffers read", unit: "" },
  { key: "dirtied", name: "buffers dirtied", unit: "" },
  { key: "walBytes", name: "WAL", unit: "B" },
  { key: "fullPagePercent", name: "full pages' share of the WAL", unit: "%" },
] as const;

function growthFigures(costs: readonly Cost[], scale: Scale): Figure[] {
  const [first, before, after] = costs;
  if (first === undefined || before === undefined || after === undefined) throw new RangeError("a stage is missing");
  const figures = METRICS.flatMap(({ key, name, unit }): Figure[] => [
    ...costs.map((cost) => ({
      part: "growth",
      name: `${name} an event at ${millions(cost.likes)} likes`,
      value: cost[key],
      unit,
    })),
    {
      part: "growth",
      name: `${name}: growth from ${millions(first.likes)} to ${millions(before.likes)}`,
      value: (before[key] / first[key] - 1) * 100,
      unit: "%",
    },
    {
      part: "growth",
      name: `${name}: growth from ${millions(before.likes)} to ${millions(after.likes)}`,
      value: (after[key] / before[key] - 1) * 100,
      unit: "%",
      budget: { atMost: BUDGET_PERCENT },
      ...(key === "read" && { note: `read most in addition: ${growing(before, after, "read")} buffers an event.` }),
      ...(key === "walBytes" && {
        note: `full pages in addition: ${growing(before, after, "fullPageBytes")} bytes an event.`,
      }),
    },
  ]);
  const note =
    `measured over ${formatNumber(scale.windowEvents)} events from a checkpoint on: at 450 events a second ${formatNumber(scale.windowEvents / 450 / 60)} minutes, ` +
    `where Postgres goes 5 from one checkpoint to the next by default, and the embedded server 10; ${WINDOW_SIZE} a batch, ${WORKERS} connections, ` +
    `\`shared_buffers\` ${scale.sharedBuffers}, \`max_wal_size\` 8 GB. Of 42 events 40 are likes. Filled by rows (COPY) in the ` +
    "load's order into the tables with all their indexes, repos and counters once for each half million events, `fsync`, `full_page_writes` and " +
    `\`synchronous_commit\` off meanwhile, vacuumed and analyzed; then ${formatNumber(scale.settleEvents)} events through consume(), and the window after them.`;
  return figures.map((figure, index) => (index === 0 ? { ...figure, note } : figure));
}

/** The three relations that grow most, with what an event cost them before and after. */
function growing(before: Cost, after: Cost, key: "read" | "fullPageBytes"): string {
  return [...after.relations]
    .map(([name, cost]) => ({ name, from: before.relations.get(name)?.[key] ?? 0, to: cost[key] }))
    .sort((a, b) => b.to - b.from - (a.to - a.from))
    .slice(0, 3)
    .map(({ name, from, to }) => `${name} ${formatNumber(from)} → ${formatNumber(to)}`)
    .join(", ");
}

function millions(likes: number): string {
  return `${formatNumber(likes / 1e6)} M`;
}
