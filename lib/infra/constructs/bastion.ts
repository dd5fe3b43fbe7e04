/** A way to forward a port to the proxy, off by default: no key, no open port, only Session Manager. */
import { CfnOutput, Stack } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import { Construct } from "constructs";
import { resourceName } from "../names.ts";
import type { Stage } from "../stage.ts";

export interface BastionProps {
  readonly stage: Stage;
  readonly vpc: ec2.IVpc;
  /** Reaches the proxy, as every reader does. */
  readonly reader: ec2.ISecurityGroup;
}

export class Bastion extends Construct {
  constructor(scope: Construct, id: string, { stage, vpc, reader }: BastionProps) {
    super(scope, id);
    // Session Manager is called from inside: out to AWS, nothing in.
    const outward = new ec2.SecurityGroup(this, "SecurityGroup", {
      vpc,
      description: "Session Manager",
      allowAllOutbound: true,
    });
    const host = new ec2.BastionHostLinux(this, "Host", {
      vpc,
      instanceName: resourceName(stage, "bastion"),
      instanceType: new ec2.InstanceType("t4g.nano"),
      machineImage: ec2.MachineImage.latestAmazonLinux2023({ cpuType: ec2.AmazonLinuxCpuType.ARM_64 }),
      subnetSelection: { subnetType: ec2.SubnetType.PUBLIC },
      securityGroup: outward,
      requireImdsv2: true,
      blockDevices: [{ deviceName: "/dev/xvda", volume: ec2.BlockDeviceVolume.ebs(8, { encrypted: true }) }],
    });
    host.instance.addSecurityGroup(reader);
    // In the stack, so that it goes by this name and nothing longer.
    new CfnOutput(Stack.of(this), "BastionInstanceId", { value: host.instanceId });
  }
}
