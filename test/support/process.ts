/** A command of ours as a real process: its output as lines to wait for, and its end in every case. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { COMPILE_CACHE } from "./compile-cache.ts";

export interface ProcessExit {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartedProcess extends AsyncDisposable {
  readonly pid: number;
  /** Never rejects. */
  readonly exit: Promise<ProcessExit>;
  /** What it has written so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /**
   * The first line of either stream that matches, also one that came before the call.
   * @throws with the whole output where it ends without such a line or the limit (30 s unless told) passes.
   */
  waitForLine(pattern: RegExp, limitMs?: number): Promise<RegExpExecArray>;
  /** Writes to its stdin. */
  write(text: string): void;
  /** To the process alone. */
  kill(signal?: NodeJS.Signals): Promise<ProcessExit>;
  /** To its whole process group, as Ctrl-C in a terminal does with SIGINT. */
  killGroup(signal?: NodeJS.Signals): Promise<ProcessExit>;
}

export interface ProcessOptions {
  /** Added to an environment without any of our settings. Undefined removes. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Absolute; the command itself unless told. */
  readonly script?: string;
  /** Of node, before the script. */
  readonly nodeArgs?: readonly string[];
}

const COMMAND = fileURLToPath(new URL("../../bin/standpipe.ts", import.meta.url));
const DEFAULT_LINE_LIMIT_MS = 30_000;
/** Only what a program needs to run at all: a developer's DATABASE_URL must not get into a test. */
const KEPT_VARIABLES = ["PATH", "HOME", "TMPDIR", "LANG", "TERM"];

/** `startProcess(["start"])` runs `node bin/standpipe.ts start` in a process group of its own. */
export function startProcess(args: readonly string[], options: ProcessOptions = {}): StartedProcess {
  const nodeArgs = [...(options.nodeArgs ?? []), options.script ?? COMMAND, ...args];
  const child = spawn(process.execPath, nodeArgs, {
    cwd: options.cwd,
    env: { ...keptEnvironment(), ...COMPILE_CACHE, ...options.env },
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  if (child.pid === undefined) throw new Error(`cannot start ${nodeArgs.join(" ")}`);
  return follow(child, child.pid);
}

type PipedChild = ReturnType<typeof spawn> & {
  readonly stdin: NonNullable<ChildProcess["stdin"]>;
  readonly stdout: NonNullable<ChildProcess["stdout"]>;
  readonly stderr: NonNullable<ChildProcess["stderr"]>;
};

function follow(child: PipedChild, pid: number): StartedProcess {
  const lines = { stdout: [] as string[], stderr: [] as string[] };
  const exit = Promise.withResolvers<ProcessExit>();
  const onChange = new Set<() => void>();
  let ended = false;
  for (const stream of ["stdout", "stderr"] as const) {
    createInterface({ input: child[stream] }).on("line", (line) => {
      lines[stream].push(line);
      for (const listener of onChange) listener();
    });
  }
  // A process that has gone does not read; its exit says more than EPIPE.
  child.stdin.on("error", () => {});
  // Both streams have been read to their end by then.
  child.on("close", (code, signal) => {
    ended = true;
    exit.resolve({ code, signal });
    for (const listener of onChange) listener();
  });
  const output = () => `stdout:\n${lines.stdout.join("\n")}\nstderr:\n${lines.stderr.join("\n")}`;
  const send = async (target: number, signal: NodeJS.Signals) => {
    if (!ended) sendSignal(target, signal);
    return await exit.promise;
  };
  const onOurExit = () => sendSignal(-pid, "SIGKILL");
  process.once("exit", onOurExit);
  return {
    pid,
    exit: exit.promise,
    stdout: () => lines.stdout.join("\n"),
    stderr: () => lines.stderr.join("\n"),
    write: (text) => void child.stdin.write(text),
    kill: (signal = "SIGTERM") => send(pid, signal),
    killGroup: (signal = "SIGTERM") => send(-pid, signal),
    waitForLine: (pattern, limitMs = DEFAULT_LINE_LIMIT_MS) => {
      const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
      const look = () => {
        const found = [...lines.stdout, ...lines.stderr]
          .map((line) => pattern.exec(line))
          .find((match) => match !== null);
        if (found) resolve(found);
        else if (ended) reject(new Error(`it ended without a line like ${pattern}\n${output()}`));
      };
      const timer = setTimeout(
        () => reject(new Error(`no line like ${pattern} within ${limitMs} ms\n${output()}`)),
        limitMs,
      );
      onChange.add(look);
      look();
      return promise.finally(() => {
        clearTimeout(timer);
        onChange.delete(look);
      });
    },
    async [Symbol.asyncDispose]() {
      process.off("exit", onOurExit);
      await send(-pid, "SIGKILL");
    },
  };
}

function keptEnvironment(): Record<string, string> {
  const entries = KEPT_VARIABLES.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

function sendSignal(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch {
    // It has ended in between.
  }
}
