/** One thing that is paid, and what a bill is asked for. */
import type { Usage } from "./usage.ts";

export interface BillLine {
  readonly what: string;
  readonly usd: number;
}

export interface BillOptions {
  /** 1 is the first. */
  readonly month: number;
  readonly usage: Usage;
  /** Another class of database than the template's, as in `m8g.large`. */
  readonly instance?: string;
}
