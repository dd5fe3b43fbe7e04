/** Settings in, how the database is logged in to out: the options of lib/credentials that come from the environment. */
import type { Settings } from "./processes.ts";

export type LoginSettings = Pick<
  Settings<"migrate">,
  "DATABASE_AUTH" | "DATABASE_SECRET_ARN" | "AWS_REGION" | "AWS_ENDPOINT_URL_SECRETS_MANAGER"
>;

/** As lib/credentials takes them. */
export interface DatabaseLoginSettings {
  readonly auth: LoginSettings["DATABASE_AUTH"];
  readonly secretId: string | null;
  readonly region: string | null;
  /** Null: AWS itself. */
  readonly secretsEndpoint: string | null;
}

export function databaseLoginOptions(settings: LoginSettings): DatabaseLoginSettings {
  return {
    auth: settings.DATABASE_AUTH,
    secretId: settings.DATABASE_SECRET_ARN,
    region: settings.AWS_REGION,
    secretsEndpoint: settings.AWS_ENDPOINT_URL_SECRETS_MANAGER,
  };
}
