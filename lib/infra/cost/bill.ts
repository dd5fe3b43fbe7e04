/** Templates and a rate in, a month's bill out: one line for each thing that is paid. */
import type { BillLine, BillOptions } from "./bill-line.ts";
import { databaseLines, storedGb } from "./database-lines.ts";
import { freeInEveryAccount, observationLines } from "./observation-lines.ts";
import { indexerLines, ingesterLines, streamLines } from "./pipeline-lines.ts";
import { type CloudFormationTemplate, paidResources } from "./resources.ts";

export interface Bill {
  readonly month: number;
  readonly storedGb: number;
  /** At list prices; the last one takes off what every account has free. */
  readonly lines: readonly BillLine[];
  readonly usd: number;
  /** What comes on top where something else in the account uses the free amounts up. */
  readonly freeUsd: number;
}

/** @throws UnknownPriceError for a class of database, or a node, without a price. */
export function monthlyBill(templates: readonly CloudFormationTemplate[], options: BillOptions): Bill {
  const resources = paidResources(templates);
  const { usage } = options;
  const freeUsd = freeInEveryAccount(resources, usage);
  const lines = [
    ...streamLines(resources, usage),
    ...ingesterLines(resources, usage),
    ...indexerLines(resources, usage),
    ...databaseLines(resources, options),
    ...observationLines(resources, usage),
    { what: "Always free in each account", usd: -freeUsd },
  ].filter(({ usd }) => usd !== 0);
  return {
    month: options.month,
    storedGb: storedGb(options.month, usage),
    lines,
    usd: lines.reduce((sum, line) => sum + line.usd, 0),
    freeUsd,
  };
}
