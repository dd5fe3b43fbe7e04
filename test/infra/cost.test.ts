import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { monthlyBill } from "../../lib/infra/cost/bill.ts";
import { DATABASE_CLASSES, PRICES, VALKEY_NODE_PRICES } from "../../lib/infra/cost/prices-2026-11.ts";
import { type CloudFormationTemplate, paidResources } from "../../lib/infra/cost/resources.ts";
import { usageAt } from "../../lib/infra/cost/usage.ts";
import { STAGES } from "../../lib/infra/stage.ts";
import { projectRoot } from "../support/project-root.ts";
import { builtStage } from "./support/built-app.ts";
import { VALKEY_STAGES, withValkey } from "./support/valkey-stages.ts";

function templatesOf(stage = STAGES.production): readonly CloudFormationTemplate[] {
  const built = builtStage(stage);
  return built.stacks.map((name) => built.template(name).toJSON() as CloudFormationTemplate);
}

const production = templatesOf();
const firstMonth = { month: 1, usage: usageAt(500) };
const withResource = (
  Type: string,
  Properties: Readonly<Record<string, unknown>>,
): readonly CloudFormationTemplate[] => [...production, { Resources: { Added: { Type, Properties } } }];

describe("production at 500 events a second", () => {
  const bill = monthlyBill(production, firstMonth);
  const line = (start: string) => bill.lines.find(({ what }) => what.startsWith(start))?.usd ?? 0;

  it("costs less than 160 USD in its first month", () => {
    expect(bill.usd).toBeLessThan(160);
    // A line that is not found would make it cheap as well.
    expect(bill.usd).toBeGreaterThan(120);
  });

  it("pays for everything that the templates have", () => {
    expect(line("Kinesis: 2 shards")).toBeCloseTo(21.9);
    expect(line("Kinesis: 48 h of retention")).toBeCloseTo(29.2);
    expect(line("Fargate: 1 × 0.25 vCPU")).toBeCloseTo(7.21, 1);
    expect(line("RDS: 1 × db.t4g.small")).toBeCloseTo(23.36);
    expect(line("RDS Proxy")).toBeCloseTo(21.9);
    expect(line("Interface endpoints")).toBeCloseTo(7.3);
    expect(line("Public IPv4")).toBeCloseTo(3.65);
    expect(line("Secrets Manager")).toBeCloseTo(0.4);
    expect(line("Lambda: time")).toBeGreaterThan(1);
    expect(line("CloudWatch: 24 metrics of alarms")).toBeCloseTo(2.4);
    expect(line("CloudWatch: 11 metrics of ours")).toBeCloseTo(3.3);
    expect(line("CloudWatch: 1 dashboard")).toBeCloseTo(3);
  });

  it.each([
    "RDS: backups of 3 days",
    "Between zones",
    "To the relay",
    "DynamoDB",
    "S3",
    "KMS",
    "ECR",
    "Lambda: canary",
    "CloudWatch: logs",
  ])("forgets not what nobody thinks of: %s", (start) => {
    expect(line(start)).toBeGreaterThan(0);
  });

  it("takes off what is always free, and says what it would be without", () => {
    expect(line("Always free")).toBeCloseTo(-bill.freeUsd);
    const listed = bill.lines.filter(({ usd }) => usd > 0).reduce((sum, { usd }) => sum + usd, 0);
    expect(listed).toBeCloseTo(bill.usd + bill.freeUsd);
    // Ten metrics, ten alarms, the dashboard, logs, most of the function's time and of the way back to the relay.
    expect(bill.freeUsd).toBeGreaterThan(15);
    expect(bill.freeUsd).toBeLessThan(25);
  });

  it("has no NAT gateway and one interface endpoint, and would pay for more", () => {
    const nat = monthlyBill(withResource("AWS::EC2::NatGateway", {}), firstMonth);
    const endpoint = monthlyBill(
      withResource("AWS::EC2::VPCEndpoint", { VpcEndpointType: "Interface", SubnetIds: ["a", "b"] }),
      firstMonth,
    );
    expect(line("NAT")).toBe(0);
    expect(nat.usd - bill.usd).toBeGreaterThan(300);
    expect(endpoint.usd - bill.usd).toBeCloseTo(14.6);
    expect([nat.usd, endpoint.usd].every((usd) => usd > 160)).toBe(true);
  });

  it("grows with what is stored", () => {
    const later = monthlyBill(production, { ...firstMonth, month: 12 });
    expect(later.storedGb).toBeCloseTo(12 * bill.storedGb);
    expect(later.usd - bill.usd).toBeGreaterThan(11 * 0.9 * bill.storedGb * PRICES.rdsGp3GbMonth.usd);
  });
});

it.each([STAGES.production, STAGES.development])(
  "$name has no NAT gateway and one interface endpoint in one zone",
  (stage) => {
    const { natGateways, interfaceEndpoints } = paidResources(templatesOf(stage));
    expect([natGateways, interfaceEndpoints]).toEqual([0, 1]);
  },
);

it("backups cost what the log of their days is larger than the free part", () => {
  const { production: stage } = STAGES;
  const week = templatesOf({ ...stage, database: { ...stage.database, backupDays: 7 } });
  const backups = (templates: readonly CloudFormationTemplate[]) =>
    monthlyBill(templates, firstMonth).lines.find(({ what }) => what.startsWith("RDS: backups"))?.usd ?? 0;
  // 51.8 GB a day at 1,200 B an event, less what the storage's own size has free, and nothing before the days have passed.
  expect(backups(week) - backups(production)).toBeGreaterThan(14);
  expect(backups(week) - backups(production)).toBeLessThan(4 * 51.84 * PRICES.rdsBackupGbMonth.usd);
});

it("the bytes an event are the measured ones", () => {
  const page = readFileSync(join(projectRoot, "docs/benchmarks.md"), "utf8");
  const measured = (row: string): number => {
    const [, text = ""] = new RegExp(`^\\| ${row} \\| ([\\d,.]+) B`, "m").exec(page) ?? [];
    return Number(text.replaceAll(",", ""));
  };
  const { storedBytesPerEvent, walBytesPerEvent, packedBytesPerEvent } = usageAt(500);
  expect(walBytesPerEvent / measured("WAL an event at 1 M likes")).toBeCloseTo(1, 1);
  expect(packedBytesPerEvent).toBeGreaterThan(measured("bytes an event, 50 a pack"));
  // Between what a like alone leaves and what everything leaves in a young database, whose dictionaries still grow.
  const like = measured("a like, everything included") + measured("beside it: counters of what is liked, a like");
  expect(storedBytesPerEvent).toBeGreaterThan(like);
  expect(storedBytesPerEvent / measured("the whole database, an event")).toBeGreaterThan(0.85);
});

it("a standby costs one more task and address, looks at the lease, and has an alarm and its metric", () => {
  const { production: stage } = STAGES;
  const standby = monthlyBill(templatesOf({ ...stage, ingester: { ...stage.ingester, standby: true } }), firstMonth);
  expect(standby.usd - monthlyBill(production, firstMonth).usd).toBeCloseTo(7.21 + 3.65 + 0.33 + 0.4, 1);
});

it("a class of database without a price is said, not guessed", () => {
  expect(() => monthlyBill(production, { ...firstMonth, instance: "x9z.huge" })).toThrow("no price for db.x9z.huge");
});

it("every price has its source", () => {
  const prices = [...Object.values(PRICES), ...Object.values(DATABASE_CLASSES), ...Object.values(VALKEY_NODE_PRICES)];
  expect(prices.filter(({ source }) => source.length < 10)).toEqual([]);
});

describe("with Valkey", () => {
  const valkey = templatesOf(VALKEY_STAGES.production);
  const bill = monthlyBill(valkey, firstMonth);
  const lineOf = (of: typeof bill, start: string) => of.lines.find(({ what }) => what.startsWith(start))?.usd ?? 0;

  it("two nodes, the reader of the stream, its address and its secret take the place of the shards", () => {
    expect(lineOf(bill, "Valkey: 2 × cache.t4g.small")).toBeCloseTo(2 * 730 * 0.0256);
    expect(bill.lines.filter(({ what }) => what.startsWith("Kinesis"))).toEqual([]);
    expect(bill.lines.filter(({ what }) => what.startsWith("Fargate"))).toHaveLength(2);
    expect(lineOf(bill, "Public IPv4")).toBeCloseTo(7.3);
    expect(lineOf(bill, "Secrets Manager")).toBeCloseTo(0.8);
    expect(lineOf(bill, "DynamoDB: how far all is applied")).toBeGreaterThan(0);
    expect(lineOf(bill, "Between zones, to and from the stream")).toBeCloseTo((1314e6 * 160 * 0.02) / 1e9, 1);
    expect(lineOf(bill, "KMS")).toBe(0);
  });

  it("calls of the function are one of each lane at a time, as often as the window says", () => {
    const { workers, batchingWindowSeconds, indexerMemoryGb } = paidResources(valkey);
    expect([workers, batchingWindowSeconds, indexerMemoryGb]).toEqual([8, 5, 0.5]);
    const inProcess = monthlyBill(templatesOf(VALKEY_STAGES["production in process"]), firstMonth);
    expect(lineOf(inProcess, "Lambda: invocations") + lineOf(inProcess, "Lambda: time")).toBe(0);
    expect(lineOf(inProcess, "Lambda: canary")).toBeGreaterThan(0);
    expect(inProcess.usd).toBeLessThan(bill.usd);
  });

  it("costs what docs/operating.md says, beside Kinesis", () => {
    const page = readFileSync(join(projectRoot, "docs/operating.md"), "utf8");
    const months = (templates: readonly CloudFormationTemplate[]) =>
      [1, 6, 12].map((month) => Math.round(monthlyBill(templates, { ...firstMonth, month }).usd)).join(" | ");
    expect(page).toContain(`| Kinesis | ${months(production)} |`);
    expect(page).toContain(`| Valkey, with a replica | ${months(valkey)} |`);
    const without = templatesOf(withValkey(STAGES.production, { replicas: 0 }));
    expect(page).toContain(`| Valkey, without | ${months(without)} |`);
    const inProcess = templatesOf(VALKEY_STAGES["production in process"]);
    expect(page).toContain(`| Valkey, with a replica, indexing in process | ${months(inProcess)} |`);
  });

  it("a node without a price is said, not guessed", () => {
    const unknown = [
      {
        Resources: {
          V: { Type: "AWS::ElastiCache::ReplicationGroup", Properties: { CacheNodeType: "cache.x9z.huge" } },
        },
      },
    ];
    expect(() => monthlyBill(unknown, firstMonth)).toThrow("no price for cache.x9z.huge");
  });
});
