/** Address and secret of a Redis server in, the address with user and password in it out. */
import { createSecretCredentials, createSecretsClient } from "./managed-secret.ts";

export interface RedisAddressOptions {
  /** REDIS_URL. */
  readonly address: string;
  /** REDIS_SECRET_ARN. */
  readonly secretId: string;
  readonly region: string | null;
  /** Null: AWS itself. */
  readonly secretsEndpoint: string | null;
}

/** The user that a password alone logs in: some servers know no other, and take no name beside the password. */
const DEFAULT_USER = "default";

/**
 * Holds the password: not for logs. Rejects with a CredentialsError where a person has to mend something, and as AWS does where it is away. A
 * password that is changed is read by the next process: servers take the old one as well while it is being changed.
 */
export async function redisAddress(options: RedisAddressOptions): Promise<string> {
  const { address, secretId, region, secretsEndpoint } = options;
  const client = createSecretsClient({ region, endpoint: secretsEndpoint });
  try {
    const { user, password } = await createSecretCredentials({ client, secretId, setting: "REDIS_SECRET_ARN" }).login();
    const url = new URL(address);
    url.username = user === DEFAULT_USER ? "" : encodeURIComponent(user);
    // Percent-encoded: a generated password has any characters.
    url.password = encodeURIComponent(password);
    return url.href;
  } finally {
    client.destroy();
  }
}
