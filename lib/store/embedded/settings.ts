/** The port and what a caller wants otherwise in, the text of the server's settings file out. */

export type ServerSettings = Readonly<Record<string, string | number | boolean>>;

/**
 * For a laptop: little memory, safe against a crash at any time, not reachable from outside.
 * Postgres' own defaults hold for everything that is not named.
 */
const LAPTOP_SETTINGS: ServerSettings = {
  listen_addresses: "127.0.0.1",
  // A socket's path may be 107 bytes long, which a data directory's easily exceeds.
  unix_socket_directories: "",
  max_connections: 40,
  shared_buffers: "128MB",
  maintenance_work_mem: "64MB",
  fsync: true,
  synchronous_commit: "on",
  // One server without replicas: less is written, and no process waits for subscribers.
  wal_level: "minimal",
  max_wal_senders: 0,
  max_logical_replication_workers: 0,
  // The binaries are built without lz4 and zstd.
  wal_compression: "pglz",
  max_wal_size: "1GB",
  checkpoint_timeout: "10min",
  max_worker_processes: 4,
  max_parallel_workers: 2,
  max_parallel_workers_per_gather: 1,
  random_page_cost: 1.1,
  // Near shared_buffers: with the default of 4 GB the planner thinks that random reads of a whole table cost nothing, and reads views that way.
  effective_cache_size: "256MB",
  // Our statements are short and many: compiling them costs more than it gives.
  jit: false,
  timezone: "UTC",
  log_timezone: "UTC",
  log_checkpoints: false,
  // A refused batch would put megabytes of parameters into the log.
  log_min_error_statement: "panic",
  log_parameter_max_length_on_error: 0,
};

/** The file's first line after its comment, so that the next start finds the port again. */
const PORT_LINE = /^port = '(\d+)'$/m;

export function renderSettings({
  port,
  settings,
}: {
  readonly port: number;
  readonly settings: ServerSettings;
}): string {
  const entries = Object.entries({ port, ...LAPTOP_SETTINGS, ...settings });
  const lines = entries.map(([name, value]) => `${name} = ${quote(value)}`);
  return `# Written by standpipe at every start; your own settings belong into postgresql.auto.conf (ALTER SYSTEM).\n${lines.join("\n")}\n`;
}

/** The port of an earlier start, or null. */
export function portFromSettings(text: string): number | null {
  const port = PORT_LINE.exec(text)?.[1];
  return port === undefined ? null : Number(port);
}

function quote(value: string | number | boolean): string {
  const text = typeof value === "boolean" ? (value ? "on" : "off") : String(value);
  return `'${text.replaceAll("'", "''")}'`;
}
