/** How a function's code is put together, for what deploys it and for tests that run the very same bundle. */

/** Node of the runtime `nodejs24.x`. */
export const BUNDLE_TARGET = "node24";

/**
 * Some packages inside are CommonJS and ask for `require`, which an ES module has to make for itself. The SDK is bundled as well:
 * the one in the runtime changes without us.
 */
export const BUNDLE_BANNER =
  "import{createRequire as bundleRequire}from'node:module';const require=bundleRequire(import.meta.url);";

/** Modules before CommonJS, of which esbuild can leave out what nobody calls: half of the SDK. */
export const BUNDLE_MAIN_FIELDS: readonly string[] = ["module", "main"];

/** Loaded by `pg` only where somebody asks for it. */
export const BUNDLE_EXTERNAL: readonly string[] = ["pg-native"];

/** Folder and name of a function: `functions/<name>/handler.ts`, which exports `handler`. */
export type FunctionName = "index-events" | "migrate" | "freshness";

export function entryOf(name: FunctionName): string {
  return `functions/${name}/handler.ts`;
}
