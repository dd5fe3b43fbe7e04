/** The database: away, frozen, killed, locked, full, read-only, slow to a limit, without connections, in deadlocks. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "pg";
import type { World } from "../world.ts";
import { EVERY_MODE, type Fault } from "./fault.ts";

const fault = (name: string, strike: Fault["strike"]): Fault => ({ name, modes: EVERY_MODE, strike });

export const POSTGRES_FAULTS: readonly Fault[] = [
  fault("Postgres refuses", async ({ databasePort, random }) => {
    await databasePort.shut();
    await sleep(300 + random(900));
    await databasePort.open();
  }),
  fault("Postgres hangs", async ({ databasePort, random }) => {
    databasePort.freeze();
    await sleep(300 + random(900));
    databasePort.thaw();
  }),
  fault("kill -9 of Postgres", ({ server }) => server.crash()),
  fault("kill -9 of a backend", ({ server, random }) => server.crashBackend(random)),
  fault("a lock that somebody holds", (world) =>
    inSession(world, async (client) => {
      await client.query(`BEGIN; LOCK TABLE standpipe."like" IN SHARE MODE`);
      await sleep(300 + world.random(700));
      await client.query("ROLLBACK");
    }),
  ),
  fault("connections exhausted", async (world) => {
    // Sessions of others up to the limit, and ours cut, so that they have to come back among them.
    const sessions: Client[] = [];
    try {
      for (;;) sessions.push(await world.server.session(world.database.name));
    } catch {
      // That was the limit.
    }
    const [first] = sessions;
    await first?.query(CUT_OURS);
    await sleep(300 + world.random(500));
    await Promise.all(sessions.map((session) => session.end()));
  }),
  fault("disk full (a trigger stands in, with the server's own error)", (world) =>
    withTrigger(world, "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'"),
  ),
  fault("deadlocks (a trigger stands in, with the server's own error)", (world) =>
    withTrigger(
      world,
      "IF random() < 0.3 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF; RETURN NULL",
    ),
  ),
  fault("read-only", (world) => withSetting(world, "default_transaction_read_only", "on")),
  fault("statement time-outs", (world) => withSetting(world, "statement_timeout", "'3ms'")),
];

const CUT_OURS =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'standpipe' AND datname = current_database()";

async function inSession(world: World, work: (client: Client) => Promise<void>): Promise<void> {
  const client = await world.server.session(world.database.name);
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

/** Every batch of likes meets it, for a while. */
function withTrigger(world: World, body: string): Promise<void> {
  return inSession(world, async (client) => {
    await client.query(`
      CREATE FUNCTION public.bad_day() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; END $$;
      CREATE TRIGGER bad_day AFTER INSERT ON standpipe."like" FOR EACH STATEMENT EXECUTE FUNCTION public.bad_day()`);
    await sleep(300 + world.random(700));
    await client.query('DROP TRIGGER bad_day ON standpipe."like"; DROP FUNCTION public.bad_day()');
  });
}

/** For new sessions of the database; ours are cut, so that they are new. */
function withSetting(world: World, name: string, value: string): Promise<void> {
  return inSession(world, async (client) => {
    const database = world.database.name;
    await client.query(`ALTER DATABASE "${database}" SET ${name} = ${value}`);
    await client.query(CUT_OURS);
    await sleep(300 + world.random(500));
    // The session was opened before the change.
    await client.query(`ALTER DATABASE "${database}" RESET ${name}`);
    await client.query(CUT_OURS);
  });
}
