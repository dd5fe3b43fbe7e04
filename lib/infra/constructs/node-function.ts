/** A function of this project: Node 24 on ARM64, bundled by esbuild here, with a log group that a person can find. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Duration } from "aws-cdk-lib";
import type * as ec2 from "aws-cdk-lib/aws-ec2";
import * as lambda from "aws-cdk-lib/aws-lambda";
import { NodejsFunction, OutputFormat } from "aws-cdk-lib/aws-lambda-nodejs";
import type { Construct } from "constructs";
import {
  BUNDLE_BANNER,
  BUNDLE_EXTERNAL,
  BUNDLE_MAIN_FIELDS,
  BUNDLE_TARGET,
  entryOf,
  type FunctionName,
} from "../bundle.ts";
import { resourceName } from "../names.ts";
import { type Stage, StageError } from "../stage.ts";
import { FunctionRole } from "./function-role.ts";
import { ProcessLog } from "./process-log.ts";

export interface NodeFunctionProps {
  readonly stage: Stage;
  /** The checkout. */
  readonly root: string;
  readonly name: FunctionName;
  readonly description: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMiB: number;
  readonly timeoutSeconds: number;
  /** Nothing where there is no network of ours. */
  readonly network?: {
    readonly vpc: ec2.IVpc;
    readonly subnets: ec2.SubnetSelection;
    readonly securityGroup: ec2.ISecurityGroup;
  };
  /** Whether the .sql files go beside the bundle. */
  readonly withMigrations?: boolean;
}

export class NodeFunction extends NodejsFunction {
  constructor(scope: Construct, id: string, props: NodeFunctionProps) {
    const { stage, root, name, network } = props;
    const entry = join(root, entryOf(name));
    if (!existsSync(entry)) throw new StageError(`${entryOf(name)} is not there: the function ${name} has no code`);
    const functionName = resourceName(stage, name);
    const logGroup = new ProcessLog(scope, `${id}Log`, { stage, name });
    super(scope, id, {
      functionName,
      role: new FunctionRole(scope, `${id}Role`, { functionName, logGroup, inNetwork: network !== undefined }),
      description: props.description,
      entry,
      projectRoot: root,
      depsLockFilePath: join(root, "package-lock.json"),
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      memorySize: props.memoryMiB,
      timeout: Duration.seconds(props.timeoutSeconds),
      environment: { NODE_OPTIONS: "--enable-source-maps", ...props.environment },
      logGroup,
      // Metrics are lines of a form that CloudWatch finds only where they are lines of their own.
      loggingFormat: lambda.LoggingFormat.TEXT,
      bundling: {
        format: OutputFormat.ESM,
        target: BUNDLE_TARGET,
        banner: BUNDLE_BANNER,
        externalModules: [...BUNDLE_EXTERNAL],
        mainFields: [...BUNDLE_MAIN_FIELDS],
        sourceMap: true,
        commandHooks: {
          beforeBundling: () => [],
          beforeInstall: () => [],
          afterBundling: (from, to) =>
            props.withMigrations === true ? [`cp -r ${from}/lib/store/migrations ${to}/migrations`] : [],
        },
      },
      ...(network !== undefined && {
        vpc: network.vpc,
        vpcSubnets: network.subnets,
        securityGroups: [network.securityGroup],
      }),
    });
  }
}
