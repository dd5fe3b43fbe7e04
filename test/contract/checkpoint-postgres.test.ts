import pg from "pg";
import { createPostgresCheckpoint } from "../../lib/checkpoint/postgres/checkpoint.ts";
import { createTestDatabase } from "../support/database.ts";
import { describeCheckpointContract } from "./checkpoint-contract.ts";

describeCheckpointContract({
  name: "the cursor in Postgres",
  async create() {
    const database = await createTestDatabase();
    const pool = new pg.Pool({ connectionString: database.connectionString, max: 4 });
    // The database goes while connections that have just been given up still close.
    pool.on("error", () => undefined);
    return {
      open: () => createPostgresCheckpoint(pool),
      async [Symbol.asyncDispose]() {
        await pool.end();
        await database.drop();
      },
    };
  },
});
