/** `standpipe start` in one process. */
import { Client } from "pg";
import { askedProcess } from "../../../support/asked-process.ts";
import { startProcess } from "../../../support/process.ts";
import { supervise } from "../supervisor.ts";
import type { Status } from "../world.ts";
import { type Pipeline, type PipelineParts, SHORT_WAITS } from "./pipeline.ts";

export function openUnified({ relay, address, database, env }: PipelineParts): Promise<Pipeline> {
  const open = () =>
    askedProcess<Status>(
      startProcess(["start"], {
        env: {
          ...SHORT_WAITS,
          ...env,
          RELAY_URL: relay.url,
          DATABASE_URL: address,
          HTTP_HOST: "127.0.0.1",
          PORT: "0",
          BATCH_SIZE: "40",
          MAX_IN_FLIGHT_MB: "1",
        },
      }),
    );
  const [reader, second] = [supervise("start", open), supervise("second start", open)];
  return Promise.resolve({
    reader,
    second,
    worker: null,
    stream: null,
    savedCursor: () => cursorIn(database.connectionString),
    async [Symbol.asyncDispose]() {
      await reader[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    },
  });
}

async function cursorIn(connectionString: string): Promise<number | null> {
  const client = new Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<{ seq: string }>("SELECT seq FROM standpipe.cursor ORDER BY epoch DESC LIMIT 1");
  await client.end();
  return rows[0] === undefined ? null : Number(rows[0].seq);
}
