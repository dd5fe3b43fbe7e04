/** The code of a function in, the function as Lambda offers it out: as many processes as there are calls at a time, used again while they live. */
import type { Invocation, MappedFunction } from "../event-source-mapping/port.ts";
import { type ExecutionEnvironment, type FunctionCode, startEnvironment } from "./execution-environment.ts";

export interface DeployedFunction extends MappedFunction, AsyncDisposable {
  /** Processes that were started, dead ones included. */
  readonly started: number;
  /** The next so many calls are refused with 429. */
  throttleNext(count: number): void;
  /** Kills every process that works on a call now; how many. */
  killWorking(): number;
  /** The last lines of all its processes. */
  log(): string;
}

const LOG_LINES = 400;

export function deployFunction(code: FunctionCode): DeployedFunction {
  const idle: ExecutionEnvironment[] = [];
  const working = new Set<ExecutionEnvironment>();
  const lines: string[] = [];
  let started = 0;
  let throttled = 0;
  const onLine = (line: string): void => {
    lines.push(line);
    if (lines.length > LOG_LINES) lines.shift();
  };
  const take = (): ExecutionEnvironment => {
    for (let warm = idle.pop(); warm !== undefined; warm = idle.pop()) if (!warm.isDead) return warm;
    started += 1;
    return startEnvironment(code, onLine);
  };
  return {
    get started() {
      return started;
    },
    throttleNext(count) {
      throttled = count;
    },
    async invoke(event): Promise<Invocation> {
      if (throttled > 0) {
        throttled -= 1;
        return { kind: "not-called", reason: "TooManyRequestsException: Rate Exceeded." };
      }
      const environment = take();
      working.add(environment);
      const invocation = await environment.invoke(event);
      working.delete(environment);
      if (!environment.isDead) idle.push(environment);
      if (invocation.kind === "function-error") onLine(`${invocation.type}: ${invocation.message}`);
      return invocation;
    },
    killWorking() {
      for (const environment of working) environment.kill();
      return working.size;
    },
    log: () => lines.join("\n"),
    async [Symbol.asyncDispose]() {
      await Promise.all([...idle, ...working].map((environment) => environment[Symbol.asyncDispose]()));
    },
  };
}
