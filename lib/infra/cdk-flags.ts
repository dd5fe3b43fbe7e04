/** The flags of `cdk.json`, for what builds the app without the CLI: with others the templates would be others. */
import { readFileSync } from "node:fs";

export function cdkFlags(): Readonly<Record<string, unknown>> {
  const text = readFileSync(new URL("../../cdk.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly context: Readonly<Record<string, unknown>> }).context;
}
