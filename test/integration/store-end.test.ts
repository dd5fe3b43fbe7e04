import type { PoolClient } from "pg";
import { expect, test } from "vitest";
import { createPostgresStore } from "../../lib/store/postgres-store.ts";
import { createTestDatabase } from "../support/database.ts";
import { silentLog } from "../support/silent-log.ts";

test("a connection that the server cuts is told, and no more once the store has been closed", async () => {
  await using database = await createTestDatabase();
  const told: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void told.push(message) };
  const store = createPostgresStore({ connectionString: database.connectionString, poolSize: 1, log });
  store.pool.emit("error", new Error("terminating connection"), await aClient(store.pool));
  expect(told).toEqual(["a database connection was lost"]);
  const client = await aClient(store.pool);
  await store[Symbol.asyncDispose]();
  store.pool.emit("error", new Error("terminating connection"), client);
  expect(told).toHaveLength(1);
});

type Pool = ReturnType<typeof createPostgresStore>["pool"];

async function aClient(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect();
  client.release();
  return client;
}
