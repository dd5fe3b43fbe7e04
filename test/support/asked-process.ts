/** A started command with its addresses for status, health and metrics: asked over HTTP, as an operator asks. */
import { setTimeout as sleep } from "node:timers/promises";
import type { StartedProcess } from "./process.ts";

export interface Answer {
  readonly code: number;
  /** Parsed, but for `/metrics`: that is text. */
  readonly json: unknown;
}

export interface AskedProcess<Status> extends StartedProcess {
  /** Null while it does not answer. */
  ask(path: string): Promise<Answer | null>;
  /** What `/status` answers; null while it does not answer. */
  status(): Promise<Status | null>;
  /** Asks for `/status` until it passes. */
  until(passes: (status: Status) => boolean): Promise<Status>;
  /**
   * Asks again and again until the answer passes.
   * @throws with the last answer and the output where the process ends first, or where it takes longer than a test has.
   */
  untilAnswer<Given>(ask: () => Promise<Given>, passes: (given: Given) => boolean): Promise<Given>;
}

const ASK_EVERY_MS = 30;
const ANSWER_LIMIT_MS = 2_000;
/** Below every limit of a test that waits with it, so that its message is what the test fails with. */
const UNTIL_LIMIT_MS = 110_000;

export function askedProcess<Status>(started: StartedProcess): AskedProcess<Status> {
  const ask = async (path: string): Promise<Answer | null> => {
    const address = /^status {4}(http:\S+)\/status$/m.exec(started.stdout())?.[1];
    if (address === undefined) return null;
    try {
      const response = await fetch(`${address}${path}`, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
      const text = await response.text();
      return { code: response.status, json: path === "/metrics" ? text : (JSON.parse(text) as unknown) };
    } catch {
      // It has ended, or ends.
      return null;
    }
  };
  const status = async () => ((await ask("/status"))?.json ?? null) as Status | null;
  const untilAnswer = async <Given>(get: () => Promise<Given>, passes: (given: Given) => boolean): Promise<Given> => {
    const hasEnded = started.exit.then(() => true);
    const deadline = performance.now() + UNTIL_LIMIT_MS;
    for (;;) {
      const given = await get();
      if (passes(given)) return given;
      const isOver = await Promise.race([hasEnded, sleep(ASK_EVERY_MS, false)]);
      if (isOver || performance.now() > deadline) throw new Error(complaint(isOver, given, started));
    }
  };
  return {
    ...started,
    ask,
    status,
    untilAnswer,
    async until(passes) {
      const given = await untilAnswer(status, (each) => each !== null && passes(each));
      if (given === null) throw new Error("null passed");
      return given;
    },
  };
}

function complaint(isOver: boolean, given: unknown, started: StartedProcess): string {
  const what = isOver ? "it has ended too early" : `it has not come so far within ${UNTIL_LIMIT_MS / 1000} s`;
  return `${what}\nlast answer: ${JSON.stringify(given)}\n${started.stdout()}\n${started.stderr()}`;
}
