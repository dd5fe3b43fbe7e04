/** Host and user in, tokens of IAM for RDS and its proxy out. They are signed here: no call leaves the process. */
import { Signer, type SignerConfig } from "@aws-sdk/rds-signer";
import { CredentialsError } from "./errors.ts";
import type { Credentials, Login } from "./port.ts";

/**
 * A token lets in for 15 minutes (RDS user guide, "IAM database authentication"), but never longer than the role's credentials that signed it,
 * which the SDK renews five minutes before their end. Ours, below both: signing costs no call.
 */
export const RENEW_AFTER_MS = 4 * 60_000;

export interface TokenOptions {
  /** The name under which the database is reached: of the proxy where there is one, since it is signed. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Null: what the SDK finds. */
  readonly region: string | null;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
  /** Of the process on AWS; without them, what the SDK finds. */
  readonly identity?: NonNullable<SignerConfig["credentials"]>;
}

/** A connection that is open stays so when its token ends: only new ones ask. */
export function createTokenCredentials({ host, port, user, region, nowMs, identity }: TokenOptions): Credentials {
  const signer = new Signer({
    hostname: host,
    port,
    username: user,
    ...(region !== null && { region }),
    ...(identity !== undefined && { credentials: identity }),
  });
  let kept: { readonly login: Login; readonly madeAtMs: number } | null = null;
  return {
    async login() {
      const madeAtMs = nowMs();
      if (kept !== null && madeAtMs - kept.madeAtMs < RENEW_AFTER_MS) return kept.login;
      const login = { user, password: await sign(signer) };
      kept = { login, madeAtMs };
      return login;
    },
    forget() {
      kept = null;
    },
  };
}

async function sign(signer: Signer): Promise<string> {
  try {
    return await signer.getAuthToken();
  } catch (cause) {
    if (cause instanceof Error && cause.message.startsWith("Region is missing")) {
      throw new CredentialsError("AWS_REGION is not set: must be the region of the database", { cause });
    }
    throw cause;
  }
}
