/** What lies between the processes where the stream is Valkey: its nodes in isolated subnets, reached over TLS with a password that no template has. */
import { ArnFormat, CfnOutput, RemovalPolicy, type SecretValue, Stack, type StackProps } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as elasticache from "aws-cdk-lib/aws-elasticache";
import * as secretsmanager from "aws-cdk-lib/aws-secretsmanager";
import type { Construct } from "constructs";
import { ClosedSecurityGroup } from "../constructs/closed-security-group.ts";
import { resourceName, VALKEY_PORT } from "../names.ts";
import type { Stage } from "../stage.ts";
import type { StreamStorage, ValkeyParts } from "../stream-parts.ts";
import { streamStorage } from "../stream-storage.ts";
import { RESERVED_PERCENT } from "../valkey-room.ts";
import type { SecurityGroups } from "./network-stack.ts";

const ENGINE_VERSION = "8.0";
const PARAMETER_FAMILY = "valkey8";

/** ElastiCache takes 16 to 128 characters, and few that are neither letter nor digit ("Authenticating with AUTH", guide). */
const PASSWORD_LENGTH = 64;

export interface ValkeyStackProps extends StackProps {
  readonly stage: Stage;
  readonly vpc: ec2.IVpc;
  readonly securityGroups: SecurityGroups;
}

export class ValkeyStack extends Stack {
  readonly storage: StreamStorage;
  readonly parts: ValkeyParts;

  constructor(scope: Construct, id: string, props: ValkeyStackProps) {
    super(scope, id, props);
    const { stage } = props;
    this.storage = streamStorage(this, stage);
    const { secret, value } = this.password(stage);
    const group = this.nodes(value, props);
    const address = group.attrPrimaryEndPointAddress;
    const groupId = resourceName(stage, "events");
    this.parts = {
      kind: "valkey",
      address: `rediss://${address}:${VALKEY_PORT}`,
      secret,
      sourceArn: this.formatArn({
        service: "elasticache",
        resource: "replicationgroup",
        resourceName: groupId,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
      // "Finding metrics of a node", guide: the group's id and the node's number.
      nodeIds: Array.from({ length: 1 + stage.valkey.replicas }, (_, index) => `${groupId}-00${index + 1}`),
    };
    new CfnOutput(this, "ValkeyEndpoint", { value: address });
    new CfnOutput(this, "ValkeySecretArn", { value: secret.secretArn });
    new CfnOutput(this, "CursorTableName", { value: this.storage.cursorTable.tableName });
    new CfnOutput(this, "LargePacksBucketName", { value: this.storage.largePacks.bucketName });
  }

  private password(stage: Stage): { readonly secret: secretsmanager.ISecret; readonly value: SecretValue } {
    const secret = new secretsmanager.Secret(this, "Password", {
      secretName: resourceName(stage, "valkey"),
      description: "The password of the stream: made by Secrets Manager, read by ElastiCache and by the processes",
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ username: "default" }),
        generateStringKey: "password",
        passwordLength: PASSWORD_LENGTH,
        excludePunctuation: true,
      },
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Its classes say `undefined` where its interfaces say `?`: apart from that they are the same.
    return { secret: secret as secretsmanager.ISecret, value: secret.secretValueFromJson("password") };
  }

  private nodes(password: SecretValue, props: ValkeyStackProps): elasticache.CfnReplicationGroup {
    const { stage, vpc } = props;
    const { node, replicas } = stage.valkey;
    const subnets = new elasticache.CfnSubnetGroup(this, "Subnets", {
      cacheSubnetGroupName: resourceName(stage, "events"),
      description: "Isolated: nothing leads there from outside",
      subnetIds: vpc.isolatedSubnets.map(({ subnetId }) => subnetId),
    });
    const group = new elasticache.CfnReplicationGroup(this, "Valkey", {
      replicationGroupId: resourceName(stage, "events"),
      replicationGroupDescription: `Standpipe ${stage.name}: the stream`,
      engine: "valkey",
      engineVersion: ENGINE_VERSION,
      cacheNodeType: `cache.${node}`,
      // Without cluster mode: entries of all lanes and the cursor go in one transaction.
      clusterMode: "disabled",
      numCacheClusters: 1 + replicas,
      automaticFailoverEnabled: replicas > 0,
      multiAzEnabled: replicas > 0,
      cacheSubnetGroupName: subnets.ref,
      cacheParameterGroupName: this.parameters().ref,
      securityGroupIds: [this.securityGroup(props).securityGroupId],
      port: VALKEY_PORT,
      transitEncryptionEnabled: true,
      transitEncryptionMode: "required",
      atRestEncryptionEnabled: true,
      // A reference that CloudFormation follows while it deploys; the value is in no template.
      authToken: password.unsafeUnwrap(),
      // Everything in it comes again from the relay, or is in the database already.
      snapshotRetentionLimit: 0,
      autoMinorVersionUpgrade: true,
    });
    group.applyRemovalPolicy(RemovalPolicy.DESTROY);
    return group;
  }

  private parameters(): elasticache.CfnParameterGroup {
    return new elasticache.CfnParameterGroup(this, "Parameters", {
      cacheParameterGroupFamily: PARAMETER_FAMILY,
      description: "Standpipe",
      properties: {
        // A full server refuses what is written, and the ingester waits: it never throws away what nobody has read.
        "maxmemory-policy": "noeviction",
        "reserved-memory-percent": String(RESERVED_PERCENT),
      },
    });
  }

  private securityGroup({ stage, vpc, securityGroups }: ValkeyStackProps): ec2.SecurityGroup {
    const group = new ClosedSecurityGroup(this, "ValkeySecurityGroup", {
      vpc,
      securityGroupName: resourceName(stage, "valkey"),
      description: "the stream",
    });
    // Readers too: a person's own client, through the port forward, and programs that read the stream beside ours.
    for (const client of [securityGroups.ingester, securityGroups.poller, securityGroups.reader]) {
      if (client !== undefined) group.connections.allowFrom(client, ec2.Port.tcp(VALKEY_PORT), "the stream, over TLS");
    }
    return group;
  }
}
