/** A secret of Secrets Manager in, user and password out; kept until the database refuses them, as after a rotation. */
import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { CredentialsError } from "./errors.ts";
import type { Credentials, Login } from "./port.ts";

export interface SecretOptions {
  readonly client: SecretsManagerClient;
  /** ARN or name. */
  readonly secretId: string;
  /** The setting that names it, for what a person is told. */
  readonly setting: "DATABASE_SECRET_ARN" | "REDIS_SECRET_ARN";
}

/** Milliseconds, ours: two attempts and their pause fit in the time that a function has before its first batch. */
const CONNECT_TIMEOUT_MS = 1_000;
const ANSWER_TIMEOUT_MS = 3_000;
const ATTEMPTS = 2;
/** Local servers take any region, and without one the SDK refuses to sign. */
const LOCAL_REGION = "us-east-1";

/** `endpoint` null: AWS itself; `region` null: what the SDK finds. */
export function createSecretsClient(options: {
  readonly region: string | null;
  readonly endpoint: string | null;
}): SecretsManagerClient {
  const { endpoint } = options;
  const region = options.region ?? (endpoint === null ? null : LOCAL_REGION);
  return new SecretsManagerClient({
    maxAttempts: ATTEMPTS,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: ANSWER_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    }),
    ...(region !== null && { region }),
    ...(endpoint !== null && { endpoint }),
  });
}

/** Asks once for any number of logins that wait for the same answer; a failed reading is not kept. */
export function createSecretCredentials(options: SecretOptions): Credentials {
  let kept: Promise<Login> | null = null;
  return {
    login() {
      if (kept !== null) return kept;
      const reading = readSecret(options);
      kept = reading;
      reading.catch(() => {
        if (kept === reading) kept = null;
      });
      return reading;
    },
    forget() {
      kept = null;
    },
  };
}

async function readSecret({ client, secretId, setting }: SecretOptions): Promise<Login> {
  const name = `${setting}=${secretId}`;
  try {
    const { SecretString: text } = await client.send(new GetSecretValueCommand({ SecretId: secretId }));
    return readLogin(text ?? "", name);
  } catch (cause) {
    if (cause instanceof ResourceNotFoundException) {
      throw new CredentialsError(`${name}: there is no such secret in this region`, { cause });
    }
    if (cause instanceof Error && cause.name === "AccessDeniedException") {
      throw new CredentialsError(`${name}: this process may not read it: it needs secretsmanager:GetSecretValue`, {
        cause,
      });
    }
    throw cause;
  }
}

/** The form in which RDS keeps its own: JSON with `username` and `password`. */
function readLogin(text: string, name: string): Login {
  const fields = parseObject(text);
  const { username: user, password } = fields;
  if (typeof user === "string" && user !== "" && typeof password === "string" && password !== "") {
    return { user, password };
  }
  throw new CredentialsError(`${name}: the secret (not shown here) must be JSON with "username" and "password"`);
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // Its message would quote the secret.
    return {};
  }
}
