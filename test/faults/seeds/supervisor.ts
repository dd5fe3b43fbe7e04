/** Keeps a process of ours running, as an orchestrator does: what ends by itself is started again, and what is stopped stays so until it is started. */
import { setTimeout as sleep } from "node:timers/promises";
import type { AskedProcess } from "../../support/asked-process.ts";
import { usageOf } from "../../support/process-usage.ts";

export interface Supervised<Status> extends AsyncDisposable {
  /** The process of this moment; null while there is none. */
  readonly process: AskedProcess<Status> | null;
  /** Highest resident size of any of its processes, bytes; 0 where it cannot be known. */
  readonly peakBytes: number;
  /** Of processes that ended by themselves: codes and signals. */
  readonly ends: readonly string[];
  start(): void;
  /** SIGKILL, and a new one. */
  kill(): Promise<void>;
  /** SIGTERM; rejects where it does not end well within ten seconds. */
  stop(): Promise<void>;
  /** The output of every process so far. */
  output(): string;
}

const RESTART_AFTER_MS = 100;
const STOP_LIMIT_MS = 10_000;
const LOOK_EVERY_MS = 50;

export function supervise<Status>(name: string, open: () => AskedProcess<Status>): Supervised<Status> {
  let process: AskedProcess<Status> | null = null;
  let isWanted = false;
  let peakBytes = 0;
  const ends: string[] = [];
  const outputs: string[] = [];
  const timer = setInterval(() => {
    if (process !== null) peakBytes = Math.max(peakBytes, usageOf(process.pid)?.peakResidentBytes ?? 0);
  }, LOOK_EVERY_MS);
  const start = (): void => {
    if (process !== null) return;
    isWanted = true;
    const opened = open();
    process = opened;
    void opened.exit.then(async ({ code, signal }) => {
      outputs.push(`--- ${name} (${code ?? signal})\n${opened.stdout()}\n${opened.stderr()}`);
      if (process !== opened) return;
      process = null;
      if (!isWanted) return;
      ends.push(`${name} ended by itself: ${code ?? signal}`);
      await sleep(RESTART_AFTER_MS);
      if (isWanted) start();
    });
  };
  const take = (): AskedProcess<Status> | null => {
    const taken = process;
    isWanted = false;
    process = null;
    return taken;
  };
  return {
    get process() {
      return process;
    },
    get peakBytes() {
      return peakBytes;
    },
    ends,
    start,
    async kill() {
      await take()?.kill("SIGKILL");
      start();
    },
    async stop() {
      const stopped = take();
      if (stopped === null) return;
      const exit = await Promise.race([stopped.kill("SIGTERM"), sleep(STOP_LIMIT_MS, null)]);
      // Asked before it could listen, it has nothing to bring to an end.
      const hadBegun = stopped.stdout() !== "";
      if (exit?.code === 0 || (!hadBegun && exit?.signal === "SIGTERM")) return;
      throw new Error(
        `${name} was asked to end, and ${exit === null ? "did not within ten seconds" : `ended with ${exit.code ?? exit.signal}`}`,
      );
    },
    output: () =>
      [...outputs, process === null ? "" : `--- ${name}\n${process.stdout()}\n${process.stderr()}`].join("\n"),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      isWanted = false;
      await process?.[Symbol.asyncDispose]();
    },
  };
}
