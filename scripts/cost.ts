/** `npm run cost [-- --stage production --rate 500 --instance m8g.large --stream valkey]`: what the synthesised templates cost in months 1, 6 and 12. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildApp } from "../lib/infra/build-app.ts";
import { cdkFlags } from "../lib/infra/cdk-flags.ts";
import { type Bill, monthlyBill } from "../lib/infra/cost/bill.ts";
import type { BillLine } from "../lib/infra/cost/bill-line.ts";
import { PRICES_FROM } from "../lib/infra/cost/prices-2026-11.ts";
import type { CloudFormationTemplate } from "../lib/infra/cost/resources.ts";
import { usageAt } from "../lib/infra/cost/usage.ts";
import { type Stage, stageNamed } from "../lib/infra/stage.ts";

const MONTHS = [1, 6, 12] as const;

const { values } = parseArgs({
  options: {
    stage: { type: "string", default: "production" },
    rate: { type: "string", default: "500" },
    instance: { type: "string" },
    stream: { type: "string" },
  },
});

try {
  const stage = withStream(stageNamed(values.stage), values.stream);
  const eventsPerSecond = Number(values.rate);
  if (!(eventsPerSecond > 0)) throw new RangeError(`--rate ${values.rate}: must be events a second, such as 500`);
  console.log(`${stage.name} at ${eventsPerSecond} events/s, USD a month (${PRICES_FROM})`);
  for (const [variant, title] of variantsOf(stage)) print(variant, eventsPerSecond, title);
} catch (error) {
  console.error(`cost: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}

/** @throws RangeError */
function withStream(stage: Stage, kind: string | undefined): Stage {
  if (kind === undefined) return stage;
  if (kind !== "kinesis" && kind !== "valkey") throw new RangeError(`--stream ${kind}: must be kinesis or valkey`);
  return { ...stage, stream: { ...stage.stream, kind } };
}

/** The stage as it is, and what is most often asked beside it. */
function variantsOf(stage: Stage): readonly (readonly [Stage, string])[] {
  if (stage.stream.kind === "kinesis") {
    const { standby } = stage.ingester;
    const other: Stage = { ...stage, ingester: { ...stage.ingester, standby: !standby } };
    const title = ({ ingester }: Stage) => (ingester.standby ? "with a standby" : "without a standby");
    return [stage, other].map((each) => [each, title(each)]);
  }
  const { valkey } = stage;
  const others: readonly Stage[] = [
    { ...stage, valkey: { ...valkey, replicas: valkey.replicas === 0 ? 1 : 0 } },
    { ...stage, valkey: { ...valkey, indexing: valkey.indexing === "function" ? "in-process" : "function" } },
  ];
  const title = ({ valkey: { replicas, indexing } }: Stage) =>
    `Valkey, ${replicas} replica, ${indexing === "function" ? "function" : "in process"}`;
  return [stage, ...others].map((each) => [each, title(each)]);
}

function print(stage: Stage, eventsPerSecond: number, title: string): void {
  const templates = synthesised(stage);
  const { instance } = values;
  const bills = MONTHS.map((month) =>
    monthlyBill(templates, { month, usage: usageAt(eventsPerSecond), ...(instance !== undefined && { instance }) }),
  );
  const row = (what: string, cells: readonly string[]): string =>
    `${what.padEnd(40)}${cells.map((cell) => cell.padStart(11)).join("")}`;
  const money = (usd: number): string => usd.toFixed(2);
  console.log(
    `\n${row(
      title,
      bills.map(({ month }) => `month ${month}`),
    )}`,
  );
  // The size of the storage is another one each month, and backups may cost nothing in one of them.
  const name = ({ what }: BillLine): string => what.replace(/: \d+ GB of gp3/, ": storage, gp3");
  // Two services of one size have one line.
  const usdOf = ({ lines }: Bill, what: string): number =>
    lines.filter((line) => name(line) === what).reduce((sum, { usd }) => sum + usd, 0);
  for (const what of new Set(bills.flatMap(({ lines }) => lines.map(name)))) {
    console.log(
      row(
        what,
        bills.map((bill) => money(usdOf(bill, what))),
      ),
    );
  }
  console.log(
    row(
      "all",
      bills.map(({ usd }) => money(usd)),
    ),
  );
  console.log(
    row(
      "all, free amounts used up elsewhere",
      bills.map(({ usd, freeUsd }) => money(usd + freeUsd)),
    ),
  );
  console.log(
    row(
      "GB stored at its end",
      bills.map(({ storedGb }) => storedGb.toFixed(0)),
    ),
  );
}

/** Without bundling or an image: what the code is costs nothing. */
function synthesised(stage: Stage): readonly CloudFormationTemplate[] {
  const outdir = mkdtempSync(join(tmpdir(), "standpipe-cost-"));
  try {
    const app = buildApp({ stages: [stage], outdir, context: { ...cdkFlags(), "aws:cdk:bundling-stacks": [] } });
    return app.synth().stacks.map(({ template }) => template as CloudFormationTemplate);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
