/** Templates and a rate in, a month's bill out: one line for each thing that is paid. */
import { DATABASE_CLASSES, HOURS_A_MONTH, PRICES } from "./prices-2026-11.ts";
import { type CloudFormationTemplate, type PaidResources, paidResources } from "./resources.ts";
import type { Usage } from "./usage.ts";

export interface BillLine {
  readonly what: string;
  readonly usd: number;
}

export interface Bill {
  readonly month: number;
  readonly storedGb: number;
  readonly lines: readonly BillLine[];
  readonly usd: number;
}

export interface BillOptions {
  /** 1 is the first. */
  readonly month: number;
  readonly usage: Usage;
  /** Another class of database than the template's, as in `m8g.large`. */
  readonly instance?: string;
}

/** The template has a database of a class that the price table does not know. */
export class UnknownPriceError extends Error {
  override readonly name = "UnknownPriceError";
}

const SECONDS_A_MONTH = HOURS_A_MONTH * 3600;
const PUT_UNIT_BYTES = 25 * 1024;
const GB = 1e9;

/** @throws UnknownPriceError for a class of database without a price. */
export function monthlyBill(templates: readonly CloudFormationTemplate[], options: BillOptions): Bill {
  const resources = paidResources(templates);
  const lines = [
    ...streamLines(resources, options.usage),
    ...ingesterLines(resources, options.usage),
    ...indexerLines(resources, options.usage),
    ...databaseLines(resources, options),
    ...observationLines(resources, options.usage),
  ].filter(({ usd }) => usd > 0);
  return {
    month: options.month,
    storedGb: storedGb(options.month, options.usage),
    lines,
    usd: lines.reduce((sum, line) => sum + line.usd, 0),
  };
}

function streamLines({ shards, retentionHours, lanes }: PaidResources, usage: Usage): readonly BillLine[] {
  const packs = lanes * usage.packsPerLaneSecond * SECONDS_A_MONTH;
  const packBytes = packs === 0 ? 0 : (usage.eventsPerSecond * usage.packedBytesPerEvent * SECONDS_A_MONTH) / packs;
  const units = packs * Math.max(1, Math.ceil(packBytes / PUT_UNIT_BYTES));
  const extended = retentionHours > 24 ? shards : 0;
  return [
    { what: `Kinesis: ${shards} shards`, usd: shards * HOURS_A_MONTH * PRICES.kinesisShardHour.usd },
    {
      what: `Kinesis: ${retentionHours} h of retention`,
      usd: extended * HOURS_A_MONTH * PRICES.kinesisExtendedRetentionShardHour.usd,
    },
    { what: "Kinesis: PUT units", usd: millions(units) * PRICES.kinesisMillionPutUnits.usd },
  ];
}

function ingesterLines(resources: PaidResources, usage: Usage): readonly BillLine[] {
  const { tasks, publicAddresses, natGateways, interfaceEndpoints } = resources;
  const relayGb = (usage.eventsPerSecond * usage.frameBytes * SECONDS_A_MONTH) / GB;
  return [
    ...tasks.map(({ count, vcpus, memoryGb }) => ({
      what: `Fargate: ${count} × ${vcpus} vCPU, ${memoryGb} GB`,
      usd: count * HOURS_A_MONTH * (vcpus * PRICES.fargateArmVcpuHour.usd + memoryGb * PRICES.fargateArmGbHour.usd),
    })),
    { what: "Public IPv4 addresses", usd: publicAddresses * HOURS_A_MONTH * PRICES.publicIpv4Hour.usd },
    { what: "NAT gateways", usd: natGateways * HOURS_A_MONTH * PRICES.natGatewayHour.usd },
    // All of the relay's traffic would go through the first.
    { what: "NAT traffic", usd: Math.min(natGateways, 1) * relayGb * PRICES.natGatewayGb.usd },
    { what: "Interface endpoints", usd: interfaceEndpoints * HOURS_A_MONTH * PRICES.interfaceEndpointHour.usd },
    {
      what: "DynamoDB: cursor and lease",
      usd: tasks.length * millions(usage.cursorWritesPerSecond * SECONDS_A_MONTH) * PRICES.dynamodbMillionWrites.usd,
    },
  ];
}

function indexerLines(
  { workers, batchingWindowSeconds, indexerMemoryGb, databases }: PaidResources,
  usage: Usage,
): readonly BillLine[] {
  const invocations = (workers / Math.max(batchingWindowSeconds, 1)) * SECONDS_A_MONTH;
  const events = usage.eventsPerSecond * SECONDS_A_MONTH;
  const seconds = (invocations * usage.invocationMs + events * usage.eventMs) / 1000;
  const zones = databases.length === 0 ? 0 : 1;
  return [
    { what: "Lambda: invocations", usd: millions(invocations) * PRICES.lambdaMillionRequests.usd },
    { what: "Lambda: time", usd: seconds * indexerMemoryGb * PRICES.lambdaArmGbSecond.usd },
    {
      what: "Between zones, function to database",
      // Two zones: half of what is sent ends in the other one.
      usd: zones * ((events * usage.sqlBytesPerEvent) / GB / 2) * PRICES.crossZoneGb.usd,
    },
  ];
}

function databaseLines({ databases, proxies, secrets }: PaidResources, options: BillOptions): readonly BillLine[] {
  return databases.flatMap(({ instance: deployed, allocatedGb, multiAz }) => {
    const instance = options.instance ?? deployed;
    const price = DATABASE_CLASSES[instance];
    if (price === undefined) {
      throw new UnknownPriceError(
        `no price for db.${instance}: add it to lib/infra/cost, or take one of ${Object.keys(DATABASE_CLASSES).join(", ")}`,
      );
    }
    const copies = multiAz ? 2 : 1;
    const storage = averageStorageGb(options, allocatedGb);
    return [
      { what: `RDS: ${copies} × db.${instance}`, usd: copies * HOURS_A_MONTH * price.usdHour },
      { what: `RDS: ${Math.round(storage)} GB of gp3`, usd: copies * storage * PRICES.rdsGp3GbMonth.usd },
      { what: "RDS Proxy", usd: proxies * Math.max(price.vcpus, 2) * HOURS_A_MONTH * PRICES.rdsProxyVcpuHour.usd },
      { what: "Secrets Manager: the owner's", usd: secrets * PRICES.secretMonth.usd },
    ];
  });
}

function observationLines({ alarms, dashboards }: PaidResources, usage: Usage): readonly BillLine[] {
  return [
    { what: `CloudWatch: ${alarms} alarms`, usd: alarms * PRICES.alarmMonth.usd },
    { what: `CloudWatch: ${dashboards} dashboard`, usd: dashboards * PRICES.dashboardMonth.usd },
    { what: `CloudWatch: ${usage.ownMetrics} metrics of ours`, usd: usage.ownMetrics * PRICES.customMetricMonth.usd },
    { what: "CloudWatch: logs", usd: ((usage.logBytesPerSecond * SECONDS_A_MONTH) / GB) * PRICES.logGb.usd },
  ];
}

/** At the end of the month. */
function storedGb(month: number, usage: Usage): number {
  return (month * usage.eventsPerSecond * SECONDS_A_MONTH * usage.storedBytesPerEvent) / GB;
}

/** Storage grows within the month and is never less than was allocated: the mean over its days. */
function averageStorageGb({ month, usage }: BillOptions, allocatedGb: number): number {
  const days = Array.from({ length: 30 }, (_, day) => storedGb(month - 1 + (day + 0.5) / 30, usage));
  const sizes = days.map((stored) => Math.max(allocatedGb, stored * usage.storageHeadroom));
  return sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
}

function millions(amount: number): number {
  return amount / 1e6;
}
