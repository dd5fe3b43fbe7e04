/**
 * One process of a function: one call at a time, frozen between calls, killed when its time is up, and gone when it dies. Source: "Lambda
 * execution environment lifecycle", developer guide of AWS Lambda.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { COMPILE_CACHE, KEEP_COMPILED } from "../compile-cache.ts";
import type { Invocation } from "../event-source-mapping/port.ts";
import type { AnswerMessage, InvokeMessage } from "./messages.ts";

export interface FunctionCode {
  /** Absolute path of the module that exports `handler`. */
  readonly module: string;
  readonly timeoutMs: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Modules that are loaded before: how a test makes a bundle misbehave without touching it. */
  readonly preload?: readonly string[];
}

export interface ExecutionEnvironment extends AsyncDisposable {
  readonly pid: number;
  /** No call may be given to it any more. */
  readonly isDead: boolean;
  /** Never rejects. */
  invoke(event: unknown): Promise<Invocation>;
  /** While a call is under way. */
  kill(): void;
}

const RUNTIME = fileURLToPath(new URL("runtime.ts", import.meta.url));

/** A line of its standard output or error to `onLine`. */
export function startEnvironment(code: FunctionCode, onLine: (line: string) => void): ExecutionEnvironment {
  const preload = (code.preload ?? []).flatMap((path) => ["--import", path]);
  const child = spawn(process.execPath, [...KEEP_COMPILED, ...preload, RUNTIME, code.module], {
    // Nothing of the machine's own settings: a function sees what its deployment gives it.
    env: { PATH: process.env["PATH"], TZ: ":UTC", ...COMPILE_CACHE, ...code.environment },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface({ input: stream }).on("line", onLine);
  return new ChildEnvironment(child, code);
}

class ChildEnvironment implements ExecutionEnvironment {
  readonly #child: ChildProcess;
  readonly #timeoutMs: number;
  readonly #exit: Promise<string>;
  readonly #ready: Promise<unknown>;
  #isFrozen = false;
  isDead = false;

  constructor(child: ChildProcess, { timeoutMs }: FunctionCode) {
    this.#child = child;
    this.#timeoutMs = timeoutMs;
    // A run that is killed must not leave it behind, and a frozen process does not see that we have gone.
    const onOurExit = (): void => void child.kill("SIGKILL");
    process.once("exit", onOurExit);
    this.#exit = once(child, "exit").then(([exitCode, signal]: (number | string | null)[]) => {
      this.isDead = true;
      process.off("exit", onOurExit);
      return signal === null ? `exit status ${exitCode}` : `signal ${signal}`;
    });
    // The first message says that the module is loaded.
    this.#ready = once(child, "message");
    child.on("error", () => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async invoke(event: unknown): Promise<Invocation> {
    const requestId = randomUUID();
    const failed = (type: string, message: string): Invocation => ({
      kind: "function-error",
      requestId,
      type,
      message,
    });
    const died = this.#exit.then((how) =>
      failed("Runtime.ExitError", `RequestId: ${requestId} Error: Runtime exited with error: ${how}`),
    );
    this.#thaw();
    const loaded = await Promise.race([this.#ready.then(() => null), died]);
    if (loaded !== null) return loaded;
    const timer = Promise.withResolvers<Invocation>();
    const timeout = setTimeout(() => {
      this.kill();
      timer.resolve(
        failed("Sandbox.Timedout", `${requestId} Task timed out after ${(this.#timeoutMs / 1000).toFixed(2)} seconds`),
      );
    }, this.#timeoutMs);
    const ended = await Promise.race([
      this.#answer({ requestId, event, deadlineMs: Date.now() + this.#timeoutMs }),
      died,
      timer.promise,
    ]);
    clearTimeout(timeout);
    this.#freeze();
    return ended;
  }

  kill(): void {
    this.isDead = true;
    this.#child.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.#exit;
  }

  #answer(message: InvokeMessage): Promise<Invocation> {
    const { promise, resolve } = Promise.withResolvers<Invocation>();
    this.#child.once("message", (answer: AnswerMessage) => {
      if (answer.kind === "answered") resolve(answer);
      if (answer.kind === "threw") resolve({ ...answer, kind: "function-error" });
    });
    // One that has died in between answers by its exit.
    this.#child.send(message, () => undefined);
    return promise;
  }

  /** Between calls nothing of it runs, timers and sockets included. */
  #freeze(): void {
    if (this.isDead) return;
    this.#isFrozen = true;
    this.#child.kill("SIGSTOP");
  }

  #thaw(): void {
    if (this.#isFrozen) this.#child.kill("SIGCONT");
    this.#isFrozen = false;
  }
}
