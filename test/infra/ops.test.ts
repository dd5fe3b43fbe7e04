/** `npm run ops` against an `aws` command that answers as AWS does and writes down what it was asked. */

import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { projectRoot } from "../support/project-root.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Answers {
  /** Statuses that describe-tasks gives, one after the other. */
  readonly statuses: readonly string[];
  readonly exitCode?: number;
  readonly stoppedReason?: string;
  /** So many calls about the task, from the second on, are not answered. */
  readonly unanswered?: number;
  /** Of the function. */
  readonly migration?: { readonly applied?: readonly string[]; readonly errorMessage?: string };
}

const OUTPUTS = {
  ClusterName: "standpipe-production-cluster",
  OperationsTaskDefinition: "standpipe-production-operations",
  OperationsLogGroup: "/standpipe/production/operations",
  OperationsSubnetIds: "subnet-1,subnet-2",
  OperationsSecurityGroupId: "sg-1",
};

/** A folder with an `aws` in it, as the environment of a process, and what was asked of it. */
function withAws(answers: Answers) {
  const folder = mkdtempSync(join(tmpdir(), "standpipe-ops-"));
  folders.push(folder);
  const asked = join(folder, "asked.jsonl");
  writeFileSync(asked, "");
  writeFileSync(join(folder, "aws"), `#!${process.execPath}\n${fakeAws(asked, answers)}`);
  chmodSync(join(folder, "aws"), 0o755);
  const attempts = (): string => readFileSync(`${asked}.attempts`, "utf8");
  const calls = (): readonly (readonly string[])[] =>
    readFileSync(asked, "utf8")
      .trim()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as readonly string[]);
  return { env: { PATH: `${folder}${delimiter}${process.env.PATH}`, OPS_LOOK_EVERY_MS: "10" }, calls, attempts };
}

function ops(args: readonly string[], answers: Answers, settings: Readonly<Record<string, string>> = {}) {
  const { env: own, calls, attempts } = withAws(answers);
  const env = { ...own, ...settings };
  const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/ops.ts", ...args], {
    cwd: projectRoot,
    encoding: "utf8",
    env,
  });
  return { status, stdout, stderr, calls: calls(), attempts };
}

function fakeAws(asked: string, answers: Answers): string {
  return `
const { appendFileSync, readFileSync } = require("node:fs");
const args = process.argv.slice(2);
appendFileSync(${JSON.stringify(asked)}, JSON.stringify(args) + "\\n");
const count = (name) => readFileSync(${JSON.stringify(asked)}, "utf8").split(name).length - 1;
const answers = ${JSON.stringify(answers)};
const task = { taskArn: "arn:aws:ecs:eu-central-1:1:task/standpipe-production-cluster/abc" };
const say = (value) => console.log(JSON.stringify(value));
switch (args[1]) {
  case "describe-stacks":
    say({ Stacks: [{ Outputs: Object.entries(${JSON.stringify(OUTPUTS)}).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })) }] });
    break;
  case "run-task":
    say({ tasks: [task], failures: [] });
    break;
  case "invoke": {
    const { migration } = answers;
    require("node:fs").writeFileSync(args.find((arg) => arg.endsWith("answer.json")), JSON.stringify(migration));
    appendFileSync(${JSON.stringify(`${asked}.attempts`)}, process.env.AWS_MAX_ATTEMPTS ?? "default");
    say({ StatusCode: 200, ...(migration.errorMessage === undefined ? {} : { FunctionError: "Unhandled" }) });
    break;
  }
  case "stop-task":
    say({ task });
    break;
  case "describe-tasks": {
    const looked = count("describe-tasks");
    if (looked > 1 && looked <= 1 + (answers.unanswered ?? 0)) { console.error("Could not connect to the endpoint"); process.exit(255); }
    const seen = answers.statuses[Math.min(count("describe-tasks"), answers.statuses.length) - 1];
    const lastStatus = count("stop-task") > 0 ? "STOPPED" : seen;
    const { exitCode, stoppedReason } = answers;
    say({ tasks: [{ ...task, lastStatus, stoppedReason, containers: [{ name: "operations", exitCode }] }] });
    break;
  }
  case "get-log-events": {
    if (count("get-log-events") === 1) { console.error("ResourceNotFoundException: not yet"); process.exit(254); }
    // Two pages, and from then on the token that was given.
    const token = args.find((arg) => arg.startsWith("--next-token="))?.slice(13);
    const page = token === undefined ? 1 : Math.min(3, Number(token.slice(2)) + 1);
    say({ events: page <= 2 ? [{ message: "line " + page }] : [], nextForwardToken: "f/" + Math.min(page, 2) });
  }
}`;
}

describe("npm run ops", () => {
  const done = ops(["--stage", "production", "dead-letters", "retry", "--all"], {
    statuses: ["PENDING", "RUNNING", "STOPPED"],
    exitCode: 3,
  });

  it("runs the command in the stage's task, inside its network", () => {
    const run = done.calls.find(([, verb]) => verb === "run-task") ?? [];
    const after = (flag: string): string => run.find((arg) => arg.startsWith(`${flag}=`))?.slice(flag.length + 1) ?? "";
    expect(after("--task-definition")).toBe("standpipe-production-operations");
    expect(JSON.parse(after("--overrides"))).toEqual({
      containerOverrides: [{ name: "operations", command: ["dead-letters", "retry", "--all"] }],
    });
    expect(JSON.parse(after("--network-configuration"))).toEqual({
      awsvpcConfiguration: { subnets: ["subnet-1", "subnet-2"], securityGroups: ["sg-1"], assignPublicIp: "ENABLED" },
    });
  });

  it("says who started it in the letters that ECS takes", () => {
    const run = done.calls.find(([, verb]) => verb === "run-task") ?? [];
    const startedBy = run.find((arg) => arg.startsWith("--started-by="))?.slice("--started-by=".length);
    expect(startedBy).toMatch(/^[A-Za-z0-9/_-]{1,128}$/);
  });

  it("shows the log as it grows, each line once, and ends with the command's exit code", () => {
    expect(done.stdout).toBe("line 1\nline 2\n");
    expect(done.status).toBe(3);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("stops the task at %s, and still shows its end", async (signal) => {
    const { env, calls } = withAws({ statuses: ["RUNNING"], exitCode: 143 });
    const child = spawn(process.execPath, ["scripts/ops.ts", "--stage", "production", "status"], {
      cwd: projectRoot,
      env,
      // As on a terminal: the signal goes to the whole group.
      detached: true,
    });
    const ended = new Promise((resolve) => child.once("close", resolve));
    const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
    const verbs = () => calls().map(([, verb]) => verb);
    await vi.waitFor(() => expect(verbs()).toContain("get-log-events"), { timeout: 10_000, interval: 20 });
    process.kill(-(child.pid ?? 0), signal);
    expect(await ended).toBe(143);
    expect(verbs().filter((verb) => verb === "stop-task")).toHaveLength(1);
    expect(await stderr).toContain("stopping the task");
    expect(await stdout).toBe("line 1\nline 2\n");
  });

  it("asks again where a call about the task is not answered", () => {
    const { status, stdout, stderr } = ops(["--stage", "production", "status"], {
      statuses: ["RUNNING", "RUNNING", "RUNNING", "STOPPED"],
      exitCode: 0,
      unanswered: 2,
    });
    expect([status, stdout]).toEqual([0, "line 1\nline 2\n"]);
    expect(stderr.match(/asking again: Could not connect/g)).toHaveLength(2);
  });

  it("says how to follow the task where nothing is answered for a minute", () => {
    const { status, stderr } = ops(
      ["--stage", "production", "status"],
      { statuses: ["RUNNING"], unanswered: 1_000 },
      { OPS_PATIENCE_MS: "300" },
    );
    expect(status).toBe(1);
    expect(stderr).toContain("the task abc goes on");
    expect(stderr).toContain(
      "aws logs tail /standpipe/production/operations --log-stream-names operations/operations/abc --follow",
    );
    expect(stderr).toContain("aws ecs describe-tasks --cluster standpipe-production-cluster --tasks abc");
  });

  it("calls the function once, and waits for longer than that may take", () => {
    const { calls, attempts } = ops(["--stage", "production", "migrate"], { statuses: [], migration: { applied: [] } });
    const timeout = calls[0]?.find((arg) => arg.startsWith("--cli-read-timeout="))?.split("=")[1];
    expect(Number(timeout)).toBeGreaterThan(15 * 60);
    expect(attempts()).toBe("1");
  });

  it("says why where the command never ran", () => {
    const { status, stderr } = ops(["--stage", "production", "status"], {
      statuses: ["STOPPED"],
      stoppedReason: "CannotPullContainerError",
    });
    expect([status, stderr]).toEqual([1, expect.stringContaining("did not run: CannotPullContainerError")]);
  });

  it.each([
    [{ applied: ["0006_new"] }, 0, "applied 0006_new\n", ""],
    [{ applied: [] }, 0, "nothing to do: the database is up to date\n", ""],
    [{ errorMessage: "Somebody holds a table: deploy again" }, 1, "", "ops: Somebody holds a table: deploy again"],
  ])("has migrations applied by the function of the owner: %j", (migration, code, out, reason) => {
    const { status, stdout, stderr, calls } = ops(["--stage", "production", "migrate"], { statuses: [], migration });
    expect([status, stdout]).toEqual([code, out]);
    expect(stderr).toContain(reason);
    expect(calls.map(([service, verb, name]) => [service, verb, name])).toEqual([
      ["lambda", "invoke", "--function-name=standpipe-production-migrate"],
    ]);
  });

  it.each([
    [[], "usage: npm run ops -- --stage"],
    [["--stage", "production"], "usage: npm run ops -- --stage"],
    [["--stage", "staging", "status"], "must be one of development, production, localstack"],
    [["--stage", "localstack", "status"], "run node bin/standpipe.ts status on this machine"],
  ])("refuses %j", (args, reason) => {
    const { status, stderr, calls } = ops(args, { statuses: ["STOPPED"] });
    expect([status !== 0, stderr, calls]).toEqual([true, expect.stringContaining(reason), []]);
  });
});
