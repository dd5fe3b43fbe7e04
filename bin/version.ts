/** The package's version. A bundle has it built in, a checkout reads package.json. */
import { readFileSync } from "node:fs";

declare const STANDPIPE_VERSION: string | undefined;

export function packageVersion(): string {
  if (typeof STANDPIPE_VERSION !== "undefined") return STANDPIPE_VERSION;
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
