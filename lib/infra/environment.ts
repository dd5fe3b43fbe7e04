/** What a stack sets, held against what the process's schema in `lib/config` reads: a name that nobody reads does not compile. */
import type { ProcessName, Settings } from "../config/processes.ts";
import { DATABASE_NAME, metricNamespace, POSTGRES_PORT, resourceName } from "./names.ts";
import type { Stage } from "./stage.ts";
import type { ValkeyParts } from "./stream-parts.ts";
import { streamRoom } from "./valkey-room.ts";

export type EnvironmentOf<Name extends ProcessName> = {
  readonly [Variable in keyof Settings<Name> & string]?: string;
};

/** Address without a password: the token that stands for it is made by the process. */
export function databaseAddress(options: { readonly user: string; readonly host: string }): string {
  return `postgres://${options.user}@${options.host}:${POSTGRES_PORT}/${DATABASE_NAME}`;
}

/** Through the proxy, as one of the roles that come in with tokens. */
export function throughProxy(options: { readonly user: string; readonly proxyEndpoint: string }): {
  readonly DATABASE_URL: string;
  readonly DATABASE_AUTH: string;
} {
  return {
    DATABASE_URL: databaseAddress({ user: options.user, host: options.proxyEndpoint }),
    DATABASE_AUTH: "iam",
  };
}

/** What every process at the stream needs, where that is Valkey; the password is read by the process. */
export function ofValkey(stage: Stage, { address, secret }: ValkeyParts) {
  return {
    REDIS_URL: address,
    REDIS_SECRET_ARN: secret.secretArn,
    REDIS_FORMAT: "packs",
    // The name that the Kinesis stream would have: metrics go by it.
    REDIS_STREAM_KEY: resourceName(stage, "events"),
    REDIS_MAX_STREAM_LEN: String(streamRoom(stage.valkey.node)?.events ?? 0),
  } as const;
}

export function observed(stage: Stage): { readonly EMF_NAMESPACE: string; readonly LOG_LEVEL: string } {
  return { EMF_NAMESPACE: metricNamespace(stage), LOG_LEVEL: "info" };
}

/** As the constructs of ECS and Lambda want it. */
export function variables<Name extends ProcessName>(environment: EnvironmentOf<Name>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
