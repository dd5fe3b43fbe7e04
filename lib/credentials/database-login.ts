/** The settings of a database in, how its pool logs in out: with the address as it is, with tokens, or with a secret. */
import { CredentialsError } from "./errors.ts";
import { createTokenCredentials, type TokenOptions } from "./iam-tokens.ts";
import { createSecretCredentials, createSecretsClient } from "./managed-secret.ts";
import type { Credentials } from "./port.ts";

export interface DatabaseLoginOptions extends Pick<TokenOptions, "identity"> {
  /** DATABASE_URL. */
  readonly address: string;
  /** DATABASE_AUTH. */
  readonly auth: "password" | "iam";
  /** DATABASE_SECRET_ARN. */
  readonly secretId: string | null;
  readonly region: string | null;
  /** Null: AWS itself. */
  readonly secretsEndpoint: string | null;
  readonly nowMs: () => number;
}

/** As `createPool` and `createPostgresStore` of lib/store take it. */
export interface PoolLogin {
  readonly user: string;
  /** Asked for each new connection. */
  readonly password: () => Promise<string>;
  /** TLS with a certificate that Node trusts, for the very host of the address. */
  readonly verifiesTls: boolean;
}

export interface DatabaseLogin {
  /** For a new pool; undefined where the address says everything. Rejects as `Credentials.login` does. */
  open(): Promise<PoolLogin | undefined>;
  /** The database has refused it: the next `open` asks anew. False where asking anew would give the same. */
  forget(): boolean;
}

const POSTGRES_PORT = 5432;

/** @throws CredentialsError where the settings contradict one another or lack what a token is made of. */
export function createDatabaseLogin(options: DatabaseLoginOptions): DatabaseLogin {
  const credentials = credentialsOf(options);
  if (credentials === null) return { open: () => Promise.resolve(undefined), forget: () => false };
  // Without TLS only where the address says so in as many words: a server of the compose file has none.
  const verifiesTls = options.auth === "iam" || new URL(options.address).searchParams.get("sslmode") !== "disable";
  return {
    async open() {
      const { user } = await credentials.login();
      return { user, password: async () => (await credentials.login()).password, verifiesTls };
    },
    forget() {
      credentials.forget();
      return true;
    },
  };
}

function credentialsOf(options: DatabaseLoginOptions): Credentials | null {
  const { address, auth, secretId, region, secretsEndpoint } = options;
  if (auth === "iam") {
    if (secretId !== null) {
      throw new CredentialsError("DATABASE_AUTH=iam and DATABASE_SECRET_ARN contradict each other: unset one of them");
    }
    return createTokenCredentials({ ...options, ...tokenAddress(address), region });
  }
  if (secretId === null) return null;
  const client = createSecretsClient({ region, endpoint: secretsEndpoint });
  return createSecretCredentials({ client, secretId, setting: "DATABASE_SECRET_ARN" });
}

function tokenAddress(address: string): Pick<TokenOptions, "host" | "port" | "user"> {
  const { hostname: host, port, username } = new URL(address);
  if (host === "" || username === "") {
    throw new CredentialsError(
      "DATABASE_URL (not shown here): with DATABASE_AUTH=iam it must name user and host, as in postgres://user@host:5432/database",
    );
  }
  return { host, port: port === "" ? POSTGRES_PORT : Number(port), user: decodeURIComponent(username) };
}

/** SQLSTATE class 28: "invalid authorization specification", a wrong password among it. */
const REFUSED_LOGIN = /^28[0-9A-Z]{3}$/;

/** Whether an error, or what caused it, is the database's refusal of user or password. */
export function isRefusedLogin(error: unknown): boolean {
  for (let fault: unknown = error; fault instanceof Error; fault = fault.cause) {
    if ("code" in fault && typeof fault.code === "string" && REFUSED_LOGIN.test(fault.code)) return true;
  }
  return false;
}
