/** `standpipe start` in one process. */
import { askedProcess } from "../../../support/asked-process.ts";
import { startProcess } from "../../../support/process.ts";
import { supervise } from "../supervisor.ts";
import type { Status } from "../world.ts";
import { type Pipeline, type PipelineParts, SHORT_WAITS } from "./pipeline.ts";

export function openUnified({ relay, address, env }: PipelineParts): Promise<Pipeline> {
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
    async [Symbol.asyncDispose]() {
      await reader[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
    },
  });
}
