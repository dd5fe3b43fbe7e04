import { describe, expect, it } from "vitest";
import { monthlyBill } from "../../lib/infra/cost/bill.ts";
import { DATABASE_CLASSES, PRICES } from "../../lib/infra/cost/prices-2026-11.ts";
import type { CloudFormationTemplate } from "../../lib/infra/cost/resources.ts";
import { usageAt } from "../../lib/infra/cost/usage.ts";
import { STAGES } from "../../lib/infra/stage.ts";
import { builtStage } from "./support/built-app.ts";

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
    expect(line("Lambda: time")).toBeGreaterThan(1);
    expect(line("CloudWatch: 22 alarms")).toBeCloseTo(2.2);
    expect(line("CloudWatch: 40 metrics")).toBeCloseTo(12);
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

it("a standby costs one more task and address", () => {
  const { production: stage } = STAGES;
  const standby = monthlyBill(templatesOf({ ...stage, ingester: { ...stage.ingester, standby: true } }), firstMonth);
  expect(standby.usd - monthlyBill(production, firstMonth).usd).toBeCloseTo(7.21 + 3.65, 1);
});

it("a class of database without a price is said, not guessed", () => {
  expect(() => monthlyBill(production, { ...firstMonth, instance: "x9z.huge" })).toThrow("no price for db.x9z.huge");
});

it("every price has its source", () => {
  const prices = [...Object.values(PRICES), ...Object.values(DATABASE_CLASSES)];
  expect(prices.filter(({ source }) => source.length < 10)).toEqual([]);
});
