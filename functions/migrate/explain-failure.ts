/** What went wrong in, what a person who deploys should do about it out: the message is what the deployment shows. */
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { CredentialsError } from "../../lib/credentials/errors.ts";
import { MigrationError } from "../../lib/store/migration-files.ts";
import { errorLine } from "../../lib/telemetry/log.ts";

/** Fails the deployment. What was applied before stays applied, and the next deployment goes on after it. */
export class MigrationFailure extends Error {
  override readonly name = "MigrationFailure";
}

/** `address` may hold a password: only its host is said. */
export function explainFailure(error: unknown, address: string | null): MigrationFailure {
  if (error instanceof MigrationFailure) return error;
  return new MigrationFailure(`${errorLine(error)}. ${adviceOn(error, hostOf(address))}`, { cause: error });
}

const REFUSED_LOGIN = /^28/;
const LOCK_NOT_HAD = "55P03";
const CUT_BY_TIMEOUT = "57014";
/** Node's: a certificate of nobody that it trusts, or for another host. */
const CERTIFICATE = /CERT|ISSUER|SIGNATURE/;

function adviceOn(error: unknown, host: string): string {
  const code = codeOf(error);
  if (REFUSED_LOGIN.test(code)) {
    return `${host} refuses the owner: look whether DATABASE_SECRET_ARN names the secret of this instance, and deploy again`;
  }
  if (code === LOCK_NOT_HAD) {
    return "Somebody holds a table or migrates at this moment: look at pg_stat_activity, end it or wait, and deploy again";
  }
  if (code === CUT_BY_TIMEOUT) {
    return "A statement took longer than 13 minutes and was rolled back, which no migration of ours needs: look at pg_stat_activity for what holds the database up, or take a larger instance, and deploy again";
  }
  // Their own messages say what to do.
  if (error instanceof MigrationError || error instanceof ConfigurationError || error instanceof CredentialsError) {
    return "Nothing else was changed; mend it and deploy again";
  }
  if (CERTIFICATE.test(code)) {
    return `The certificate of ${host} is not trusted: NODE_EXTRA_CA_CERTS must name a file with Amazon's authorities for RDS`;
  }
  return `If ${host} is running, its security group has to let this function's in. Deploy again once it answers`;
}

function hostOf(address: string | null): string {
  return address !== null && URL.canParse(address) ? new URL(address).host : "the database";
}

/** SQLSTATE, or Node's code; of the error or of what caused it. */
function codeOf(error: unknown): string {
  for (let fault: unknown = error; fault instanceof Error; fault = fault.cause) {
    if ("code" in fault && typeof fault.code === "string") return fault.code;
  }
  return "";
}
