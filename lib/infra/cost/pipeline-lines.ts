/** What the way from relay to rows costs: stream, ingester and function, and the network between them. */
import type { BillLine } from "./bill-line.ts";
import { UnknownPriceError } from "./errors.ts";
import { GB, millions, monthlyAmounts, SECONDS_A_MONTH } from "./monthly-amounts.ts";
import { HOURS_A_MONTH, PRICES, VALKEY_NODE_PRICES } from "./prices-2026-11.ts";
import type { PaidResources } from "./resources.ts";
import type { Usage } from "./usage.ts";

const PUT_UNIT_BYTES = 25 * 1024;

export function streamLines(resources: PaidResources, usage: Usage): readonly BillLine[] {
  const { shards, retentionHours, lanes, valkeyNodes } = resources;
  const packs = lanes * usage.packsPerLaneSecond * SECONDS_A_MONTH;
  const packBytes = packs === 0 ? 0 : (usage.eventsPerSecond * usage.packedBytesPerEvent * SECONDS_A_MONTH) / packs;
  const units = packs * Math.max(1, Math.ceil(packBytes / PUT_UNIT_BYTES));
  const extended = retentionHours > 24 ? shards : 0;
  const largePacks = (lanes === 0 ? 0 : usage.largePacksPerSecond) * SECONDS_A_MONTH;
  return [
    { what: `Kinesis: ${shards} shards`, usd: shards * HOURS_A_MONTH * PRICES.kinesisShardHour.usd },
    {
      what: `Kinesis: ${retentionHours} h of retention`,
      usd: extended * HOURS_A_MONTH * PRICES.kinesisExtendedRetentionShardHour.usd,
    },
    {
      what: "Kinesis: PUT units",
      usd: shards === 0 ? 0 : millions(units) * PRICES.kinesisMillionPutUnits.usd,
    },
    ...valkeyNodes.map(({ node, count }) => ({
      what: `Valkey: ${count} × cache.${node}`,
      usd: count * HOURS_A_MONTH * priceOfNode(node),
    })),
    {
      what: "KMS: the stream's data keys",
      usd: (monthlyAmounts(resources, usage).keyRequests / 10_000) * PRICES.kmsTenThousandRequests.usd,
    },
    {
      what: "S3: events too large for a record",
      usd: (largePacks / 1000) * (PRICES.s3ThousandPuts.usd + PRICES.s3ThousandGets.usd),
    },
  ];
}

/** @throws UnknownPriceError */
function priceOfNode(node: string): number {
  const price = VALKEY_NODE_PRICES[node];
  if (price !== undefined) return price.usd;
  throw new UnknownPriceError(
    `no price for cache.${node}: add it to lib/infra/cost, or take one of ${Object.keys(VALKEY_NODE_PRICES).join(", ")}`,
  );
}

export function ingesterLines(resources: PaidResources, usage: Usage): readonly BillLine[] {
  const { tasks, publicAddresses, natGateways, interfaceEndpoints, shards, valkeyNodes } = resources;
  const { internetOutGb } = monthlyAmounts(resources, usage);
  const relayGb = (usage.eventsPerSecond * usage.frameBytes * SECONDS_A_MONTH) / GB;
  // With Kinesis there is one service, and its second task waits for the lease.
  const standbys = shards === 0 ? 0 : tasks.reduce((sum, { count }) => sum + count - 1, 0);
  const writes = shards === 0 ? usage.markWritesPerSecond : usage.cursorWritesPerSecond;
  const cursorMillions = millions(writes * SECONDS_A_MONTH);
  return [
    ...tasks.map(({ count, vcpus, memoryGb }) => ({
      what: `Fargate: ${count} × ${vcpus} vCPU, ${memoryGb} GB`,
      usd: count * HOURS_A_MONTH * (vcpus * PRICES.fargateArmVcpuHour.usd + memoryGb * PRICES.fargateArmGbHour.usd),
    })),
    { what: "ECR: images", usd: (tasks.length === 0 ? 0 : usage.imagesGb) * PRICES.ecrGbMonth.usd },
    { what: "Public IPv4 addresses", usd: publicAddresses * HOURS_A_MONTH * PRICES.publicIpv4Hour.usd },
    { what: "To the relay: acknowledgements", usd: internetOutGb * PRICES.internetOutGb.usd },
    { what: "NAT gateways", usd: natGateways * HOURS_A_MONTH * PRICES.natGatewayHour.usd },
    // All of the relay's traffic would go through the first.
    { what: "NAT traffic", usd: Math.min(natGateways, 1) * relayGb * PRICES.natGatewayGb.usd },
    { what: "Interface endpoints", usd: interfaceEndpoints * HOURS_A_MONTH * PRICES.interfaceEndpointHour.usd },
    {
      what: shards === 0 ? "DynamoDB: how far all is applied" : "DynamoDB: cursor and lease",
      usd:
        cursorMillions *
        (Math.min(tasks.length, 1) * PRICES.dynamodbMillionWrites.usd + standbys * PRICES.dynamodbMillionReads.usd),
    },
    {
      what: "Between zones, to and from the stream",
      // Into it and out of it, and half of each ends in the other of two zones. Between its nodes nothing is paid.
      usd:
        valkeyNodes.length *
        ((usage.eventsPerSecond * SECONDS_A_MONTH * usage.packedBytesPerEvent) / GB) *
        PRICES.crossZoneGb.usd,
    },
  ];
}

export function indexerLines(resources: PaidResources, usage: Usage): readonly BillLine[] {
  const amounts = monthlyAmounts(resources, usage);
  const zones = resources.databases.length === 0 ? 0 : 1;
  return [
    { what: "Lambda: invocations", usd: millions(amounts.invocations) * PRICES.lambdaMillionRequests.usd },
    { what: "Lambda: time", usd: amounts.gbSeconds * PRICES.lambdaArmGbSecond.usd },
    {
      what: "Lambda: canary",
      usd:
        millions(amounts.canaryInvocations) * PRICES.lambdaMillionRequests.usd +
        amounts.canaryGbSeconds * PRICES.lambdaArmGbSecond.usd,
    },
    {
      what: "Between zones, function to database",
      // Two zones: half of what is sent ends in the other one.
      usd: zones * ((amounts.events * usage.sqlBytesPerEvent) / GB / 2) * PRICES.crossZoneGb.usd,
    },
  ];
}
