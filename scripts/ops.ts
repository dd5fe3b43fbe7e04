/**
 * `npm run ops -- --stage production dead-letters list`: runs a command of `standpipe` inside the network of a stage, shows what it
 * says and ends with its exit code. The task has the rights; whoever runs this needs only those to start it and to read its log.
 * It speaks to AWS through the `aws` command, with whatever profile and region that has.
 */
import { execFile } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { resourceName } from "../lib/infra/names.ts";
import { stageNamed } from "../lib/infra/stage.ts";

const USAGE = "usage: npm run ops -- --stage development|production <command of standpipe …>, such as: status";
/** Fargate takes half a minute to start a task: more often would only be more calls. */
const LOOK_EVERY_MS = Number(process.env.OPS_LOOK_EVERY_MS ?? 2_000);
/** The name of the task's container, and of its part of the log. */
const CONTAINER = "operations";

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
    const place = await placeOf(stage);
    const task = await start(place, command);
    console.error(`ops: task ${idOf(task)} starts, which takes about half a minute`);
    using _interrupt = stopOnInterrupt(place, task);
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
    "--started-by=npm run ops",
    `--network-configuration=${JSON.stringify({ awsvpcConfiguration })}`,
    `--overrides=${JSON.stringify(overrides)}`,
  ]);
  const task = tasks[0];
  if (task === undefined) throw new Error(`the task was not started: ${failures[0]?.reason ?? "no reason given"}`);
  return task;
}

/** Shows the log as it grows; the exit code of the command, or 1 with the reason where it never ran. */
async function follow(place: Place, { taskArn }: Task): Promise<number> {
  const show = logReader(place, taskArn);
  for (;;) {
    const { tasks } = await aws<{ tasks: readonly Task[] }>([
      "ecs",
      "describe-tasks",
      "--cluster",
      place.cluster,
      "--tasks",
      taskArn,
    ]);
    await show();
    const task = tasks[0];
    if (task?.lastStatus === "STOPPED") {
      // The last lines reach the log after the task has ended.
      await pause(LOOK_EVERY_MS);
      await show();
      return exitCodeOf(task);
    }
    await pause(LOOK_EVERY_MS);
  }
}

function logReader(place: Place, taskArn: string): () => Promise<void> {
  const stream = `${CONTAINER}/${CONTAINER}/${idOf({ taskArn })}`;
  let nextToken: string | undefined;
  return async () => {
    try {
      const { events, nextForwardToken } = await aws<{
        events: readonly { message: string }[];
        nextForwardToken: string;
      }>([
        "logs",
        "get-log-events",
        `--log-group-name=${place.logGroup}`,
        `--log-stream-name=${stream}`,
        "--start-from-head",
        ...(nextToken === undefined ? [] : [`--next-token=${nextToken}`]),
      ]);
      nextToken = nextForwardToken;
      for (const { message } of events) console.log(message);
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

/** Ctrl-C ends the task as well, which would go on and be paid. */
function stopOnInterrupt(place: Place, { taskArn }: Task): Disposable {
  const stop = (): void => {
    console.error("ops: stopping the task");
    void aws(["ecs", "stop-task", "--cluster", place.cluster, "--task", taskArn]).catch((error: unknown) =>
      console.error(`ops: ${String(error)}`),
    );
  };
  process.once("SIGINT", stop);
  return { [Symbol.dispose]: () => void process.off("SIGINT", stop) };
}

function idOf({ taskArn }: Pick<Task, "taskArn">): string {
  return taskArn.split("/").at(-1) ?? taskArn;
}

async function aws<Answer>(args: readonly string[]): Promise<Answer> {
  try {
    const { stdout } = await promisify(execFile)("aws", [...args, "--output", "json"], { maxBuffer: 2 ** 26 });
    return JSON.parse(stdout) as Answer;
  } catch (error) {
    const { code, stderr = "" } = error as { readonly code?: string | number; readonly stderr?: string };
    if (code === "ENOENT")
      throw new OpsError("the aws command is not on PATH: install AWS CLI v2, see docs/operating.md");
    throw new Error(stderr.trim() === "" ? String(error) : stderr.trim(), { cause: error });
  }
}
