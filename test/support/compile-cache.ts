/** Where Node keeps what it has stripped and compiled, by content: a process of ours started a second time needs half the CPU until it runs. */
import { fileURLToPath } from "node:url";

export const COMPILE_CACHE = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache/node", import.meta.url)),
} as const;

/** Of node, for a process that never ends by itself: Node otherwise writes the cache when it ends. */
export const KEEP_COMPILED = [
  "--import",
  'data:text/javascript,import { flushCompileCache } from "node:module"; setTimeout(flushCompileCache, 2000).unref();',
] as const;
