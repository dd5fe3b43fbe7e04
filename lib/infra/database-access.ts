/** How each process reaches the database: its settings, its place in the network, and the one right that it needs. */
import * as ec2 from "aws-cdk-lib/aws-ec2";
import type * as iam from "aws-cdk-lib/aws-iam";
import * as secretsmanager from "aws-cdk-lib/aws-secretsmanager";
import type { Construct } from "constructs";
import type { NodeFunctionProps } from "./constructs/node-function.ts";
import { databaseAddress, type EnvironmentOf, throughProxy } from "./environment.ts";
import { DATABASE_ROLES, resourceName } from "./names.ts";
import type { DatabaseStack } from "./stacks/database-stack.ts";
import type { NetworkStack } from "./stacks/network-stack.ts";
import type { Stage } from "./stage.ts";

export interface Access extends Pick<NodeFunctionProps, "network"> {
  /** Settings that every process with a database reads. */
  readonly environment: Pick<EnvironmentOf<"freshness">, "DATABASE_URL" | "DATABASE_AUTH" | "DATABASE_SECRET_ARN">;
  readonly grant: (to: iam.IGrantable) => void;
}

export interface DatabaseAccess {
  readonly asOwner: Access;
  readonly asIndexer: Access;
  readonly asReader: Access;
}

/** Owner: the instance's own endpoint and the managed secret. The others: the proxy, with tokens. */
export function accessOnAws(network: NetworkStack, { database, proxy, ownerSecret }: DatabaseStack): DatabaseAccess {
  const isolated = (securityGroup: ec2.ISecurityGroup): NonNullable<Access["network"]> => ({
    vpc: network.vpc,
    subnets: { subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
    securityGroup,
  });
  const viaProxy = (user: string, securityGroup: ec2.ISecurityGroup): Access => ({
    environment: throughProxy({ user, proxyEndpoint: proxy.endpoint }),
    network: isolated(securityGroup),
    grant: (to) => void proxy.grantConnect(to, user),
  });
  const { migrate, indexer, reader } = network.securityGroups;
  return {
    asOwner: {
      environment: {
        DATABASE_URL: databaseAddress({ user: DATABASE_ROLES.owner, host: database.dbInstanceEndpointAddress }),
        DATABASE_SECRET_ARN: ownerSecret.secretArn,
      },
      network: isolated(migrate),
      grant: (to) => void ownerSecret.grantRead(to),
    },
    asIndexer: viaProxy(DATABASE_ROLES.indexer, indexer),
    asReader: viaProxy(DATABASE_ROLES.reader, reader),
  };
}

/** LocalStack: the Postgres of the compose file, whose password a hook puts into LocalStack's Secrets Manager. */
export function accessOnLocalStack(scope: Construct, stage: Stage): DatabaseAccess {
  const secret = secretsmanager.Secret.fromSecretNameV2(scope, "LocalSecret", resourceName(stage, "database"));
  const local: Access = {
    environment: {
      // Functions run in containers on the compose file's network, where this is the server's name.
      // It speaks no TLS, which a process with a managed secret does without only where the address says so.
      DATABASE_URL: `${databaseAddress({ user: DATABASE_ROLES.owner, host: "postgres" })}?sslmode=disable`,
      DATABASE_SECRET_ARN: resourceName(stage, "database"),
    },
    grant: (to) => void secret.grantRead(to),
  };
  return { asOwner: local, asIndexer: local, asReader: local };
}
