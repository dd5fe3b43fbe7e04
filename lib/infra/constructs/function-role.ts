/** What Lambda itself needs for a function: its own log group, and network interfaces where it is in our network. The managed policies would give every log group. */
import { Arn, ArnFormat, Stack } from "aws-cdk-lib";
import * as iam from "aws-cdk-lib/aws-iam";
import type * as logs from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";

export interface FunctionRoleProps {
  readonly functionName: string;
  readonly logGroup: logs.ILogGroup;
  readonly inNetwork: boolean;
}

/** Of AWSLambdaVPCAccessExecutionRole. Interfaces have no names before they are there: these know no resource that one could give. */
const INTERFACE_ACTIONS = [
  "ec2:CreateNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:DeleteNetworkInterface",
  "ec2:AssignPrivateIpAddresses",
  "ec2:UnassignPrivateIpAddresses",
];

export class FunctionRole extends iam.Role {
  constructor(scope: Construct, id: string, { functionName, logGroup, inNetwork }: FunctionRoleProps) {
    super(scope, id, {
      description: `Execution role of ${functionName}`,
      assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
    });
    logGroup.grantWrite(this);
    if (!inNetwork) return;
    this.addToPolicy(new iam.PolicyStatement({ actions: INTERFACE_ACTIONS, resources: ["*"] }));
    // Lambda makes them before the function runs; the function's own code has no business with them (Lambda developer guide, "Giving
    // Lambda functions access to resources in an Amazon VPC").
    this.addToPolicy(
      new iam.PolicyStatement({
        effect: iam.Effect.DENY,
        actions: INTERFACE_ACTIONS,
        resources: ["*"],
        conditions: { ArnEquals: { "lambda:SourceFunctionArn": functionArn(this, functionName) } },
      }),
    );
  }
}

function functionArn(scope: Construct, functionName: string): string {
  const parts = { service: "lambda", resource: "function", resourceName: functionName };
  return Arn.format({ ...parts, arnFormat: ArnFormat.COLON_RESOURCE_NAME }, Stack.of(scope));
}
