/** A command in, its exit code and output out. */
import { type SpawnOptions, spawn } from "node:child_process";

/** What to spawn, and as whom. */
export interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: Pick<SpawnOptions, "uid" | "gid" | "env" | "cwd">;
}

export interface CommandResult {
  /** Null where it could not be started or a signal ended it. */
  readonly exitCode: number | null;
  /** Both streams, as they came. */
  readonly output: string;
}

/** Never rejects: what could not be started says so in `output`. */
export function run(invocation: Invocation): Promise<CommandResult> {
  const { promise, resolve } = Promise.withResolvers<CommandResult>();
  const chunks: Buffer[] = [];
  // A session of its own, so that Ctrl-C during the first start does not leave initdb half killed beside us.
  const child = spawn(invocation.command, invocation.args, {
    ...invocation.options,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.on("error", (error) => resolve({ exitCode: null, output: error.message }));
  child.on("close", (exitCode) => resolve({ exitCode, output: Buffer.concat(chunks).toString("utf8") }));
  return promise;
}
