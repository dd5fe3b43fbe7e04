/** How a process that lives long logs in to its database: settings in, what its pools take out. */
import { databaseLoginOptions, type LoginSettings } from "../lib/config/database-login.ts";
import type { Settings } from "../lib/config/processes.ts";
import type { PoolLogin } from "../lib/credentials/database-login.ts";

/** Undefined where the address says everything. Rejects as the credentials do. */
export async function openDatabaseLogin(
  settings: LoginSettings & Pick<Settings<"work">, "DATABASE_URL">,
): Promise<PoolLogin | undefined> {
  const { DATABASE_URL: address, DATABASE_AUTH, DATABASE_SECRET_ARN } = settings;
  if (address === null || (DATABASE_AUTH === "password" && DATABASE_SECRET_ARN === null)) return undefined;
  // The AWS clients take a quarter of a second to load, which nobody else has to pay for.
  const { createDatabaseLogin } = await import("../lib/credentials/database-login.ts");
  return createDatabaseLogin({ address, ...databaseLoginOptions(settings), nowMs: Date.now }).open();
}
