/** A Fargate task definition of our image on ARM64: nothing to write to, no root, no capability, time to drain. */
import { Duration } from "aws-cdk-lib";
import * as ecs from "aws-cdk-lib/aws-ecs";
import type * as logs from "aws-cdk-lib/aws-logs";
import { Construct } from "constructs";
import { resourceName } from "../names.ts";
import type { Stage } from "../stage.ts";
import { ProcessLog } from "./process-log.ts";

/** The most that Fargate gives after SIGTERM; the process takes 10. */
const STOP_SECONDS = 120;

export interface HardenedTaskProps {
  readonly stage: Stage;
  readonly name: string;
  readonly image: ecs.ContainerImage;
  readonly cpuUnits: number;
  readonly memoryMiB: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly healthCheck?: ecs.HealthCheck;
  readonly entryPoint?: readonly string[];
  readonly command?: readonly string[];
}

export class HardenedTask extends Construct {
  readonly taskDefinition: ecs.FargateTaskDefinition;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, props: HardenedTaskProps) {
    super(scope, id);
    const { stage, name } = props;
    this.logGroup = new ProcessLog(this, "Log", { stage, name });
    this.taskDefinition = new ecs.FargateTaskDefinition(this, "Task", {
      family: resourceName(stage, name),
      cpu: props.cpuUnits,
      memoryLimitMiB: props.memoryMiB,
      runtimePlatform: {
        cpuArchitecture: ecs.CpuArchitecture.ARM64,
        operatingSystemFamily: ecs.OperatingSystemFamily.LINUX,
      },
    });
    // Somebody has to take SIGTERM and the children that ended: the kernel gives neither to a process 1 that does not ask.
    const linuxParameters = new ecs.LinuxParameters(this, "Linux", { initProcessEnabled: true });
    linuxParameters.dropCapabilities(ecs.Capability.ALL);
    this.taskDefinition.addContainer("main", {
      containerName: name,
      image: props.image,
      environment: { ...props.environment },
      readonlyRootFilesystem: true,
      // By number: the one of `node` in the image, and a name could be given to root.
      user: "1000:1000",
      stopTimeout: Duration.seconds(STOP_SECONDS),
      linuxParameters,
      logging: ecs.LogDrivers.awsLogs({ streamPrefix: name, logGroup: this.logGroup }),
      ...(props.healthCheck !== undefined && { healthCheck: props.healthCheck }),
      ...(props.entryPoint !== undefined && { entryPoint: [...props.entryPoint] }),
      ...(props.command !== undefined && { command: [...props.command] }),
    });
  }
}
