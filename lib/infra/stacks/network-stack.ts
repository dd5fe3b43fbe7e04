/** Where things are and who may speak to whom. No NAT: its gateway would cost more than everything else together. */
import { CfnOutput, Stack, type StackProps } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import type { Construct } from "constructs";
import { ClosedSecurityGroup } from "../constructs/closed-security-group.ts";
import { resourceName } from "../names.ts";
import type { Stage } from "../stage.ts";

export interface NetworkStackProps extends StackProps {
  readonly stage: Stage;
}

/** Each process has a security group of its own; what the database lets in is in its stack. */
export interface SecurityGroups {
  readonly ingester: ec2.SecurityGroup;
  readonly indexer: ec2.SecurityGroup;
  readonly migrate: ec2.SecurityGroup;
  readonly operations: ec2.SecurityGroup;
  /** For people's own programs: whatever wears it reaches the proxy. */
  readonly reader: ec2.SecurityGroup;
  readonly secretsEndpoint: ec2.SecurityGroup;
  /** Where the stream is Valkey. */
  readonly poller?: ec2.SecurityGroup;
}

export class NetworkStack extends Stack {
  readonly vpc: ec2.IVpc;
  readonly securityGroups: SecurityGroups;

  constructor(scope: Construct, id: string, props: NetworkStackProps) {
    super(scope, id, props);
    this.vpc = this.twoZones(props.stage);
    this.securityGroups = this.groups(props.stage);
    this.rules();
    this.endpoints();
    new CfnOutput(this, "VpcId", { value: this.vpc.vpcId });
    new CfnOutput(this, "PublicSubnetIds", { value: this.vpc.publicSubnets.map(({ subnetId }) => subnetId).join(",") });
    new CfnOutput(this, "ReaderSecurityGroupId", {
      description: "Wear it to reach the proxy with SQL of your own, as the role reader",
      value: this.securityGroups.reader.securityGroupId,
    });
  }

  private twoZones(stage: Stage): ec2.IVpc {
    // Its classes say `undefined` where its interfaces say `?`: apart from that they are the same.
    return new ec2.Vpc(this, "Vpc", {
      vpcName: resourceName(stage, "vpc"),
      ...(stage.zones === undefined ? { maxAzs: 2 } : { availabilityZones: [...stage.zones] }),
      natGateways: 0,
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [
        { name: "public", subnetType: ec2.SubnetType.PUBLIC, cidrMask: 24 },
        { name: "isolated", subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
      ],
    }) as ec2.IVpc;
  }

  private groups(stage: Stage): SecurityGroups {
    const named = (name: string, description: string) => ({
      vpc: this.vpc,
      securityGroupName: resourceName(stage, name.toLowerCase()),
      description,
    });
    // Relays listen on ports of their choice, and AWS has no address range that one could name: out is open, in is closed.
    const open = (name: string, description: string) =>
      new ec2.SecurityGroup(this, `${name}SecurityGroup`, { ...named(name, description), allowAllOutbound: true });
    const closed = (name: string, description: string) =>
      new ClosedSecurityGroup(this, `${name}SecurityGroup`, named(name, description));
    return {
      ingester: open("Ingester", "the task that reads the relay: nothing comes in"),
      indexer: closed("Indexer", "the function that writes rows"),
      migrate: closed("Migrate", "the function that migrates the database"),
      operations: open("Operations", "tasks that run one command: nothing comes in"),
      reader: closed("Reader", "programs that query through the proxy"),
      secretsEndpoint: closed("SecretsEndpoint", "Secrets Manager inside the network"),
      // Out to Lambda, DynamoDB and Secrets Manager, which have no address range of their own.
      ...(stage.stream.kind === "valkey" && {
        poller: open("Poller", "the task that reads the stream: nothing comes in"),
      }),
    };
  }

  private rules(): void {
    const { indexer, migrate, secretsEndpoint } = this.securityGroups;
    secretsEndpoint.connections.allowFrom(migrate, ec2.Port.tcp(443), "the owner's password");
    // Isolated subnets have no way out but the gateway endpoints: this reaches S3, where the largest events are.
    indexer.connections.allowTo(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), "S3 through its gateway endpoint");
  }

  private endpoints(): void {
    for (const [id, service] of [
      ["S3", ec2.GatewayVpcEndpointAwsService.S3],
      ["DynamoDb", ec2.GatewayVpcEndpointAwsService.DYNAMODB],
    ] as const) {
      this.vpc.addGatewayEndpoint(id, { service });
    }
    // The only interface endpoint, in one zone: it is used while deploying, and each zone costs 7 USD a month.
    this.vpc.addInterfaceEndpoint("SecretsManager", {
      service: ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
      subnets: { subnets: this.vpc.isolatedSubnets.slice(0, 1) },
      securityGroups: [this.securityGroups.secretsEndpoint],
      open: false,
    });
  }
}
