/**
 * `npm run ops -- --stage production dead-letters list`: runs a command of `standpipe` inside the network of a stage, shows what it
 * says and ends with its exit code. The task has the rights; whoever runs this needs only those to start it and to read its log.
 * It speaks to AWS through the `aws` command, with whatever profile and region that has.
 *
 * `migrate` is the owner's, and only the function that deployments call has the owner's password and a way to the instance itself.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { resourceName } from "../lib/infra/names.ts";
import { stageNamed } from "../lib/infra/stage.ts";

const USAGE = "usage: npm run ops -- --stage development|production <command of standpipe …>, such as: status";
/** Fargate takes half a minute to start a task: more often would only be more calls. */
const LOOK_EVERY_MS = Number(process.env.OPS_LOOK_EVERY_MS ?? 2_000);
/** As long as calls about a task may fail one after the other. */
const PATIENCE_MS = Number(process.env.OPS_PATIENCE_MS ?? 60_000);
/** The name of the task's container, and of its part of the log. */
const CONTAINER = "operations";
/** A minute more than the function may take: its silence is no end, and whoever took it for one would call it again beside the first. */
const MIGRATION_READ_SECONDS = 960;
/** Who started the task, as ECS shows it: letters, digits, `-`, `/` and `_` (RunTask, `startedBy`). */
const STARTED_BY = "standpipe-ops";
/** The CLI would repeat a call that it heard nothing of. */
const ONE_ATTEMPT = { AWS_MAX_ATTEMPTS: "1" };
const STOPPING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

class OpsError extends Error {
  override readonly name = "OpsError";
}

interface Place {
  readonly cluster: string;
  readonly taskDefinition: string;
  readonly logGroup: string;
  readonly subnets: readonly string[];
  readonly securityGroup: string;
}

interface Task {
  readonly taskArn: string;
  readonly lastStatus: string;
  readonly stoppedReason?: string;
  readonly containers?: readonly { readonly name: string; readonly exitCode?: number; readonly reason?: string }[];
}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const { stage, command } = readArguments(args);
    // With --lanes it writes rows, as other commands do.
    if (command.join(" ") === "migrate") return await migrate(stage);
    const place = await placeOf(stage);
    using interrupt = listenForInterrupt();
    const task = await start(place, command);
    console.error(`ops: task ${idOf(task)} starts, which takes about half a minute; Ctrl-C stops it`);
    interrupt.callOnce(() => stop(place, task));
    return await follow(place, task);
  } catch (error) {
    console.error(`ops: ${error instanceof Error ? error.message : String(error)}`);
    return error instanceof OpsError ? 2 : 1;
  }
}

function readArguments(args: readonly string[]): { readonly stage: string; readonly command: readonly string[] } {
  const [flag, name, ...command] = args;
  if (flag !== "--stage" || name === undefined || command.length === 0) throw new OpsError(USAGE);
  const stage = stageNamed(name);
  if (stage.reduced)
    throw new OpsError(`${name} has no tasks: run node bin/standpipe.ts ${command.join(" ")} on this machine`);
  return { stage: name, command };
}

/** What the function answers: what was applied, or why not, in a sentence that says what to do. */
async function migrate(stage: string): Promise<number> {
  const name = (what: string) => resourceName({ name: stageNamed(stage).name }, what);
  console.error(`ops: calling ${name("migrate")}; its log: aws logs tail /standpipe/${stage}/migrate --follow`);
  await using folder = await temporaryFolder();
  const answerFile = join(folder.path, "answer.json");
  const call = [
    "lambda",
    "invoke",
    `--function-name=${name("migrate")}`,
    `--cli-read-timeout=${MIGRATION_READ_SECONDS}`,
    answerFile,
  ];
  const { FunctionError: failed } = await aws<{ readonly FunctionError?: string }>(call, ONE_ATTEMPT);
  const answer = JSON.parse(await readFile(answerFile, "utf8")) as MigrationAnswer;
  if (failed !== undefined) throw new Error(answer.errorMessage ?? `the function failed: ${failed}`);
  const applied = answer.applied ?? [];
  console.log(applied.length === 0 ? "nothing to do: the database is up to date" : `applied ${applied.join(", ")}`);
  return 0;
}

interface MigrationAnswer {
  readonly applied?: readonly string[];
  readonly errorMessage?: string;
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "standpipe-ops-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** From the outputs of the ingester's stack. */
async function placeOf(stage: string): Promise<Place> {
  const stackName = resourceName({ name: stageNamed(stage).name }, "ingester");
  const { Stacks } = await aws<{
    Stacks: readonly { Outputs: readonly { OutputKey: string; OutputValue: string }[] }[];
  }>(["cloudformation", "describe-stacks", "--stack-name", stackName]);
  const output = (key: string): string => {
    const value = Stacks[0]?.Outputs.find(({ OutputKey }) => OutputKey === key)?.OutputValue;
    if (value === undefined) throw new OpsError(`the stack ${stackName} has no output ${key}: deploy it anew`);
    return value;
  };
  return {
    cluster: output("ClusterName"),
    taskDefinition: output("OperationsTaskDefinition"),
    logGroup: output("OperationsLogGroup"),
    subnets: output("OperationsSubnetIds").split(","),
    securityGroup: output("OperationsSecurityGroupId"),
  };
}

async function start(place: Place, command: readonly string[]): Promise<Task> {
  const awsvpcConfiguration = {
    subnets: place.subnets,
    securityGroups: [place.securityGroup],
    assignPublicIp: "ENABLED",
  };
  const overrides = { containerOverrides: [{ name: CONTAINER, command }] };
  const { tasks, failures } = await aws<{ tasks: readonly Task[]; failures: readonly { reason: string }[] }>([
    "ecs",
    "run-task",
    `--cluster=${place.cluster}`,
    `--task-definition=${place.taskDefinition}`,
    "--launch-type=FARGATE",
    `--started-by=${STARTED_BY}`,
    `--network-configuration=${JSON.stringify({ awsvpcConfiguration })}`,
    `--overrides=${JSON.stringify(overrides)}`,
  ]);
  const task = tasks[0];
  if (task === undefined) throw new Error(`the task was not started: ${failures[0]?.reason ?? "no reason given"}`);
  return task;
}

/** Shows the log as it grows; the exit code of the command, or 1 with the reason where it never ran. */
async function follow(place: Place, { taskArn }: Task): Promise<number> {
  const show = logReader(place, { taskArn });
  const look = ["ecs", "describe-tasks", "--cluster", place.cluster, "--tasks", taskArn];
  const patiently = <Answer>(call: () => Promise<Answer>): Promise<Answer> => withPatience(call, place, { taskArn });
  for (;;) {
    const { tasks } = await patiently(() => aws<{ tasks: readonly Task[] }>(look));
    await patiently(show);
    const task = tasks[0];
    if (task?.lastStatus === "STOPPED") {
      // The last lines reach the log after the task has ended.
      await pause(LOOK_EVERY_MS);
      await patiently(show);
      return exitCodeOf(task);
    }
    await pause(LOOK_EVERY_MS);
  }
}

/** Again and again for a minute: the task goes on whether a call about it is answered or not. */
async function withPatience<Answer>(
  call: () => Promise<Answer>,
  place: Place,
  task: Pick<Task, "taskArn">,
): Promise<Answer> {
  const endMs = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof OpsError) throw error;
      if (Date.now() >= endMs) throw new Error(howToFollow(place, task), { cause: error });
      console.error(`ops: asking again: ${error instanceof Error ? error.message : String(error)}`);
      await pause(LOOK_EVERY_MS);
    }
  }
}

function howToFollow({ cluster, logGroup }: Place, task: Pick<Task, "taskArn">): string {
  return [
    `AWS does not answer, and the task ${idOf(task)} goes on without this command. Follow it, and see how it ended:`,
    `aws logs tail ${logGroup} --log-stream-names ${streamOf(task)} --follow`,
    `aws ecs describe-tasks --cluster ${cluster} --tasks ${idOf(task)} --query 'tasks[0].[lastStatus,containers[0].exitCode]'`,
  ].join("\n");
}

function streamOf(task: Pick<Task, "taskArn">): string {
  return `${CONTAINER}/${CONTAINER}/${idOf(task)}`;
}

/** Prints what is new since the last call, page by page. */
function logReader(place: Place, task: Pick<Task, "taskArn">): () => Promise<void> {
  let token: string | undefined;
  return async () => {
    try {
      for (;;) {
        const { events, nextForwardToken } = await aws<{
          events: readonly { message: string }[];
          nextForwardToken: string;
        }>([
          "logs",
          "get-log-events",
          `--log-group-name=${place.logGroup}`,
          `--log-stream-name=${streamOf(task)}`,
          "--start-from-head",
          ...(token === undefined ? [] : [`--next-token=${token}`]),
        ]);
        for (const { message } of events) console.log(message);
        // At the end the service gives back the token that it was given.
        if (nextForwardToken === token) return;
        token = nextForwardToken;
      }
    } catch (error) {
      // Until the container writes its first line there is nothing to read.
      if (!String(error).includes("ResourceNotFoundException")) throw error;
    }
  };
}

function exitCodeOf(task: Task): number {
  const container = task.containers?.find(({ name }) => name === CONTAINER);
  if (container?.exitCode !== undefined) return container.exitCode;
  throw new Error(`the command did not run: ${container?.reason ?? task.stoppedReason ?? "no reason given"}`);
}

interface Interrupt extends Disposable {
  /** Once, at the first signal, or at once where it came before. */
  callOnce(work: () => void): void;
}

/** From before the task starts: it would go on and be paid when nobody follows it any more. */
function listenForInterrupt(): Interrupt {
  const { promise, resolve } = Promise.withResolvers<void>();
  const listener = (): void => resolve();
  for (const signal of STOPPING_SIGNALS) process.on(signal, listener);
  return {
    callOnce: (work) => void promise.then(work),
    [Symbol.dispose]() {
      for (const signal of STOPPING_SIGNALS) process.off(signal, listener);
    },
  };
}

/** It gets SIGTERM, ends in good order, and its end is followed like any other. */
function stop(place: Place, task: Task): void {
  console.error("ops: stopping the task");
  aws(["ecs", "stop-task", "--cluster", place.cluster, "--task", task.taskArn]).catch((error: unknown) =>
    console.error(`ops: it could not be stopped, and goes on as ${idOf(task)}: ${String(error)}`),
  );
}

function idOf({ taskArn }: Pick<Task, "taskArn">): string {
  return taskArn.split("/").at(-1) ?? taskArn;
}

/** In a process group of its own: Ctrl-C on a terminal would end the call in hand as well, and with it the following. */
async function aws<Answer>(args: readonly string[], settings: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const child = spawn("aws", [...args, "--output", "json"], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...settings },
  });
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  try {
    const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    if (code !== 0)
      throw new Error(stderr.trim() === "" ? `aws ${args.slice(0, 2).join(" ")} ended with ${code}` : stderr.trim());
    return JSON.parse(stdout) as Answer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new OpsError("the aws command is not on PATH: install AWS CLI v2, see docs/operating.md");
  }
}
