/**
 * Run as `node embedded-user.ts own|borrow DATA_DIR`: opens the embedded server, says so on one line of JSON, and disposes of it at
 * SIGTERM or when its stdin ends. SIGINT is left at its default, which is death.
 */
import { once } from "node:events";
import { borrowEmbeddedPostgres } from "../../lib/store/embedded/borrow.ts";
import { openEmbeddedPostgres } from "../../lib/store/embedded/embedded-postgres.ts";
import type { Log } from "../../lib/telemetry/port.ts";

const [mode, dataDir] = process.argv.slice(2);
if (dataDir === undefined) throw new TypeError("a mode and a data directory are needed");

const say = (message: string) => void process.stdout.write(`${message}\n`);
const log: Log = { debug: say, info: say, warn: say, error: (message, fields) => say(`${message}: ${fields?.error}`) };
const open = mode === "own" ? openEmbeddedPostgres : borrowEmbeddedPostgres;

try {
  await using postgres = await open({ dataDir, log, command: `test ${mode}` });
  say(JSON.stringify({ origin: postgres.origin, port: postgres.port, url: postgres.connectionString("postgres") }));
  process.stdin.resume();
  await Promise.race([once(process, "SIGTERM"), once(process.stdin, "end")]);
  process.stdin.destroy();
} catch (error) {
  say(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  process.exitCode = 2;
}
