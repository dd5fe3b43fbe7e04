/** Where the rows are: RDS for PostgreSQL in isolated subnets, RDS Proxy in front, both reached with IAM tokens over TLS. */
import { ArnFormat, CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as iam from "aws-cdk-lib/aws-iam";
import * as rds from "aws-cdk-lib/aws-rds";
import type * as secretsmanager from "aws-cdk-lib/aws-secretsmanager";
import type { Construct } from "constructs";
import { ClosedSecurityGroup } from "../constructs/closed-security-group.ts";
import { DATABASE_NAME, DATABASE_ROLES, POSTGRES_PORT, resourceName } from "../names.ts";
import { type Stage, StageError } from "../stage.ts";
import type { SecurityGroups } from "./network-stack.ts";

/**
 * 17: RDS for PostgreSQL has 18 since November 2025, and whether the proxy takes it was unclear where we could look (November 2026: stored
 * copies of "Supported Regions and DB engines for Amazon RDS Proxy" and of its announcements name no 18; CDK's own example of a proxy with
 * IAM_AUTH, v2.275, has 17.7; one public project runs 18.3 behind a proxy). Wrong, a deployment fails after 20 minutes; the SQL runs on 18 as well.
 */
const ENGINE = rds.DatabaseInstanceEngine.postgres({ version: rds.PostgresEngineVersion.VER_17_9 });

/** Of the server's connections; the rest stays for migrations and for people. */
const PROXY_CONNECTIONS_PERCENT = 80;

/** Below the function's time, so that waiting for a connection shows as that and not as a function that was cut. */
const BORROW_TIMEOUT_SECONDS = 10;

export interface DatabaseStackProps extends StackProps {
  readonly stage: Stage;
  readonly vpc: ec2.IVpc;
  readonly securityGroups: SecurityGroups;
}

export class DatabaseStack extends Stack {
  readonly database: rds.DatabaseInstance;
  readonly proxy: rds.DatabaseProxy;
  /** Made and rotated by RDS; its value is in no template. */
  readonly ownerSecret: secretsmanager.ISecret;
  private readonly groups: { readonly database: ec2.SecurityGroup; readonly proxy: ec2.SecurityGroup };

  constructor(scope: Construct, id: string, props: DatabaseStackProps) {
    super(scope, id, props);
    this.groups = {
      database: this.group("Database", "the database itself", props),
      proxy: this.group("Proxy", "RDS Proxy", props),
    };
    this.letIn(props);
    this.database = this.server(props);
    this.ownerSecret = secretOf(this.database);
    this.proxy = this.proxyBefore(this.database, props);
    new CfnOutput(this, "DatabaseIdentifier", { value: this.database.instanceIdentifier });
    new CfnOutput(this, "DatabaseEndpoint", { value: this.database.dbInstanceEndpointAddress });
    new CfnOutput(this, "ProxyEndpoint", { value: this.proxy.endpoint });
    new CfnOutput(this, "ReaderConnectArn", {
      description: "Who may do rds-db:connect on it comes in as reader",
      value: connectArn(this, this.proxy, DATABASE_ROLES.reader),
    });
    new CfnOutput(this, "OwnerSecretArn", { value: this.ownerSecret.secretArn });
  }

  private group(name: string, description: string, { stage, vpc }: DatabaseStackProps): ec2.SecurityGroup {
    return new ClosedSecurityGroup(this, `${name}SecurityGroup`, {
      vpc,
      securityGroupName: resourceName(stage, name.toLowerCase()),
      description,
    });
  }

  /** Clients reach the proxy, and only the proxy and migrations reach the server: DDL and locks of a session want no pooler. */
  private letIn({ securityGroups: { indexer, operations, reader, migrate, poller } }: DatabaseStackProps): void {
    const postgres = ec2.Port.tcp(POSTGRES_PORT);
    for (const client of [indexer, operations, reader, poller]) {
      if (client !== undefined) this.groups.proxy.connections.allowFrom(client, postgres, "SQL through the proxy");
    }
    this.groups.database.connections.allowFrom(this.groups.proxy, postgres, "the proxy");
    this.groups.database.connections.allowFrom(migrate, postgres, "migrations");
  }

  private server({ stage, vpc }: DatabaseStackProps): rds.DatabaseInstance {
    const keep = stage.onRemoval === "keep";
    return new rds.DatabaseInstance(this, "Database", {
      engine: ENGINE,
      instanceType: new ec2.InstanceType(stage.database.instance),
      databaseName: DATABASE_NAME,
      credentials: rds.Credentials.fromUsername(DATABASE_ROLES.owner),
      manageMasterUserPassword: true,
      iamAuthentication: true,
      vpc,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      securityGroups: [this.groups.database],
      publiclyAccessible: false,
      multiAz: stage.database.multiAz,
      storageType: rds.StorageType.GP3,
      storageEncrypted: true,
      allocatedStorage: stage.database.allocatedGiB,
      maxAllocatedStorage: stage.database.maxAllocatedGiB,
      backupRetention: Duration.days(stage.database.backupDays),
      copyTagsToSnapshot: true,
      deletionProtection: keep,
      removalPolicy: keep ? RemovalPolicy.SNAPSHOT : RemovalPolicy.DESTROY,
      deleteAutomatedBackups: !keep,
      autoMinorVersionUpgrade: true,
      // A major comes only where somebody changes ENGINE; without this RDS refuses it then.
      allowMajorVersionUpgrade: true,
      enablePerformanceInsights: true,
      parameterGroup: this.parameters(),
    });
  }

  private parameters(): rds.ParameterGroup {
    return new rds.ParameterGroup(this, "Parameters", {
      engine: ENGINE,
      description: "Standpipe",
      parameters: {
        "rds.force_ssl": "1",
        log_lock_waits: "1",
        // Milliseconds: a batch takes far less.
        log_min_duration_statement: "2000",
        // A table of likes gets its vacuum before a fifth of it is dead.
        autovacuum_vacuum_scale_factor: "0.05",
      },
    });
  }

  private proxyBefore(database: rds.DatabaseInstance, props: DatabaseStackProps): rds.DatabaseProxy {
    const { stage, vpc } = props;
    const role = new iam.Role(this, "ProxyRole", {
      description: "RDS Proxy opens the database as these roles, with tokens of its own",
      assumedBy: new iam.ServicePrincipal("rds.amazonaws.com"),
    });
    for (const user of [DATABASE_ROLES.indexer, DATABASE_ROLES.reader]) database.grantConnect(role, user);
    return new rds.DatabaseProxy(this, "Proxy", {
      dbProxyName: resourceName(stage, "proxy"),
      proxyTarget: rds.ProxyTarget.fromInstance(database),
      // Tokens on both sides: no password that could leak, age or be rotated too late.
      defaultAuthScheme: rds.DefaultAuthScheme.IAM_AUTH,
      role,
      requireTLS: true,
      vpc,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      securityGroups: [this.groups.proxy],
      maxConnectionsPercent: PROXY_CONNECTIONS_PERCENT,
      borrowTimeout: Duration.seconds(BORROW_TIMEOUT_SECONDS),
    });
  }
}

function secretOf(database: rds.DatabaseInstance): secretsmanager.ISecret {
  if (database.secret === undefined)
    throw new StageError("RDS manages no secret of the owner: see manageMasterUserPassword");
  return database.secret;
}

/** A user of the proxy, as rights name it: with the proxy's id, which is the last part of its ARN ("Connecting to a proxy", RDS user guide). */
function connectArn(stack: Stack, proxy: rds.DatabaseProxy, user: string): string {
  const { resourceName: proxyId = "" } = stack.splitArn(proxy.dbProxyArn, ArnFormat.COLON_RESOURCE_NAME);
  return stack.formatArn({
    service: "rds-db",
    resource: "dbuser",
    resourceName: `${proxyId}/${user}`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
