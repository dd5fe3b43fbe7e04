/** A security group that lets out only what is said, in fact and not only in CDK. */
import * as ec2 from "aws-cdk-lib/aws-ec2";
import type { Construct } from "constructs";

export interface ClosedSecurityGroupProps {
  readonly vpc: ec2.IVpc;
  readonly securityGroupName: string;
  readonly description: string;
}

/** Nobody is there, so nobody is reached. */
const NOWHERE = ec2.Peer.ipv4("127.0.0.1/32");

export class ClosedSecurityGroup extends ec2.SecurityGroup {
  constructor(scope: Construct, id: string, props: ClosedSecurityGroupProps) {
    super(scope, id, { ...props, allowAllOutbound: false });
    // EC2 gives each new group a rule that lets everything out, and takes it back only for a rule in the group's own properties
    // (CloudFormation reference of AWS::EC2::SecurityGroup). Rules towards other groups are resources of their own, and for the first of
    // them CDK removes the placeholder that it had put there: this one stays.
    this.addEgressRule(NOWHERE, ec2.Port.tcp(1), "Takes the place of EC2's rule that lets everything out");
  }
}
