/** What every command is given. */
import type { Writable } from "node:stream";
import type { Environment } from "../lib/config/read-settings.ts";

/** Standard output or error; both are terminals or not on their own. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface Streams {
  readonly out: OutputStream;
  readonly err: OutputStream;
}

export interface CommandContext {
  readonly streams: Streams;
  /** What settings are read from; without it, from the process' own environment. */
  readonly environment: Environment | undefined;
  /** For a command that ends without a fault and yet not with 0. */
  setExitCode(code: 0 | 1 | 2): void;
}
