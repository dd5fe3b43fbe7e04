/** An address and a login in, one address for one session out, for clients that are told everything in an address. */
import type { PoolLogin } from "./database-login.ts";

/** Holds the password: not for logs. Without a login the address as it is. Rejects as the login's password does. */
export async function sessionAddress(address: string, login: PoolLogin | undefined): Promise<string> {
  if (login === undefined) return address;
  const url = new URL(address);
  // Percent-encoded: a generated password has any characters.
  url.username = encodeURIComponent(login.user);
  url.password = encodeURIComponent(await login.password());
  // The certificate has to be for this host, and of an authority that Node knows (NODE_EXTRA_CA_CERTS).
  url.searchParams.set("sslmode", login.verifiesTls ? "verify-full" : "disable");
  return url.href;
}
