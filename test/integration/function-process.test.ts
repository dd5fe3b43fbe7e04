/** A function's processes as Lambda has them: used again, frozen between calls, killed when their time is up, replaced when they die. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, it } from "vitest";
import type { MappingEvent } from "../support/event-source-mapping/port.ts";
import { type DeployedFunction, deployFunction } from "../support/lambda/deployed-function.ts";

/** Does what the event says. */
const CODE = `
let calls = 0;
let ticks = 0;
setInterval(() => { ticks += 1; }, 10);
export async function handler({ does }, context) {
  calls += 1;
  if (does === "throw") throw new TypeError("wrong");
  if (does === "exit") process.exit(3);
  if (does === "abort") process.abort();
  if (does === "hang") await new Promise(() => {});
  if (does === "wait") await new Promise((resolve) => setTimeout(resolve, 300));
  console.log("said by the function");
  return { pid: process.pid, calls, ticks, remainingMs: context.getRemainingTimeInMillis(), id: context.awsRequestId, mine: process.env.MINE };
}`;

interface Answer {
  readonly pid: number;
  readonly calls: number;
  readonly ticks: number;
  readonly remainingMs: number;
  readonly id: string;
  readonly mine: string;
}

let module: string;
beforeAll(async () => {
  const folder = join(inject("scratchDir"), `function-${randomBytes(6).toString("hex")}`);
  await mkdir(folder);
  module = join(folder, "index.mjs");
  await writeFile(module, CODE);
});

function deploy(timeoutMs = 20_000): DeployedFunction {
  return deployFunction({ module, timeoutMs, environment: { MINE: "set" } });
}

function call(fn: DeployedFunction, does: string): ReturnType<DeployedFunction["invoke"]> {
  return fn.invoke({ does } as unknown as MappingEvent);
}

async function answerOf(fn: DeployedFunction, does: string): Promise<Answer> {
  const invocation = await call(fn, does);
  if (invocation.kind !== "answered") throw new Error(JSON.stringify(invocation));
  return invocation.payload as Answer;
}

describe("a process of a function", () => {
  it("is used again, and knows its call and its time", async () => {
    await using fn = deploy();
    const first = await answerOf(fn, "answer");
    const second = await answerOf(fn, "answer");
    expect(second).toMatchObject({ pid: first.pid, calls: 2, mine: "set" });
    expect(second.id).not.toBe(first.id);
    expect(second.remainingMs).toBeGreaterThan(10_000);
    expect(second.remainingMs).toBeLessThanOrEqual(20_000);
    expect(fn.log()).toContain("said by the function");
  });

  it.skipIf(process.platform !== "linux")("is frozen between its calls", async () => {
    await using fn = deploy();
    const { pid, ticks } = await answerOf(fn, "answer");
    const state = (): string | undefined => /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    await expect.poll(state).toBe("T");
    const while300Ms = answerOf(fn, "wait");
    expect((await while300Ms).ticks).toBeGreaterThan(ticks);
  });

  it("serves one call at a time: a second one gets a process of its own", async () => {
    await using fn = deploy();
    const [one, other] = await Promise.all([answerOf(fn, "wait"), answerOf(fn, "wait")]);
    expect(one.pid).not.toBe(other.pid);
    expect([one.calls, other.calls]).toEqual([1, 1]);
    expect(fn.started).toBe(2);
  });

  it("is the same after a throw", async () => {
    await using fn = deploy();
    const { pid } = await answerOf(fn, "answer");
    expect(await call(fn, "throw")).toMatchObject({ kind: "function-error", type: "TypeError", message: "wrong" });
    expect(await answerOf(fn, "answer")).toMatchObject({ pid, calls: 3 });
  });

  it.each(["exit", "abort"])("fails its call when it dies (%s), and another one serves the next", async (does) => {
    await using fn = deploy();
    const { pid } = await answerOf(fn, "answer");
    expect(await call(fn, does)).toMatchObject({ kind: "function-error", type: "Runtime.ExitError" });
    const next = await answerOf(fn, "answer");
    expect(next.pid).not.toBe(pid);
    expect(next.calls).toBe(1);
  });

  it("fails its call when it is killed at work", async () => {
    await using fn = deploy();
    await answerOf(fn, "answer");
    const hanging = call(fn, "hang");
    expect(fn.killWorking()).toBe(1);
    expect(await hanging).toMatchObject({
      type: "Runtime.ExitError",
      message: expect.stringContaining("SIGKILL") as string,
    });
    expect(fn.killWorking()).toBe(0);
  });

  it("is killed when its time is up", async () => {
    await using fn = deploy(1_500);
    expect(await call(fn, "hang")).toMatchObject({
      kind: "function-error",
      type: "Sandbox.Timedout",
      message: expect.stringContaining("Task timed out after 1.50 seconds") as string,
    });
    expect(await answerOf(fn, "answer")).toMatchObject({ calls: 1 });
    expect(fn.started).toBe(2);
  });

  it("fails its call where the module does not load", async () => {
    await using fn = deployFunction({ module: `${module}.missing`, timeoutMs: 5_000, environment: {} });
    expect(await call(fn, "answer")).toMatchObject({ kind: "function-error", type: "Runtime.ExitError" });
  });
});

it("calls can be refused, as Lambda throttles them", async () => {
  await using fn = deploy();
  fn.throttleNext(1);
  expect(await call(fn, "answer")).toMatchObject({ kind: "not-called" });
  expect(await answerOf(fn, "answer")).toMatchObject({ calls: 1 });
});
