/** What a stack sets, held against what the process's schema in `lib/config` reads: a name that nobody reads does not compile. */
import type { ProcessName, Settings } from "../config/processes.ts";
import { DATABASE_NAME, metricNamespace, POSTGRES_PORT } from "./names.ts";
import type { Stage } from "./stage.ts";

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

export function observed(stage: Stage): { readonly EMF_NAMESPACE: string; readonly LOG_LEVEL: string } {
  return { EMF_NAMESPACE: metricNamespace(stage), LOG_LEVEL: "info" };
}

/** As the constructs of ECS and Lambda want it. */
export function variables<Name extends ProcessName>(environment: EnvironmentOf<Name>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
