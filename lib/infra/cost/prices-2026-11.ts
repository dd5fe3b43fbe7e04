/** On-demand list prices of us-east-1, November 2026, in USD. Where AWS' own page could not be read, the source says which page was. */

export interface Price {
  readonly usd: number;
  readonly per: string;
  readonly source: string;
}

export const PRICES_FROM = "November 2026, us-east-1, on demand";
export const HOURS_A_MONTH = 730;

export const PRICES = {
  kinesisShardHour: {
    usd: 0.015,
    per: "shard and hour",
    source: "aws.amazon.com/kinesis/data-streams/pricing, by trek10.com",
  },
  kinesisExtendedRetentionShardHour: {
    usd: 0.02,
    per: "shard and hour, beyond 24 h of retention",
    source: "aws.amazon.com/kinesis/data-streams/pricing names the charge; the figure is from memory",
  },
  kinesisMillionPutUnits: {
    usd: 0.014,
    per: "million PUT units of 25 KB",
    source: "aws.amazon.com/kinesis/data-streams/pricing, by trek10.com",
  },
  fargateArmVcpuHour: { usd: 0.03238, per: "vCPU and hour", source: "vantage.sh/blog/fargate-pricing" },
  fargateArmGbHour: { usd: 0.00356, per: "GB and hour", source: "vantage.sh/blog/fargate-pricing" },
  publicIpv4Hour: { usd: 0.005, per: "address and hour", source: "aws.amazon.com/vpc/pricing, from memory" },
  natGatewayHour: { usd: 0.045, per: "gateway and hour", source: "aws.amazon.com/vpc/pricing, from memory" },
  natGatewayGb: { usd: 0.045, per: "GB through it", source: "aws.amazon.com/vpc/pricing, from memory" },
  interfaceEndpointHour: {
    usd: 0.01,
    per: "endpoint, zone and hour",
    source: "aws.amazon.com/privatelink/pricing, from memory",
  },
  crossZoneGb: {
    usd: 0.02,
    per: "GB between zones, both ways counted",
    source: "aws.amazon.com/ec2/pricing/on-demand, from memory",
  },
  lambdaMillionRequests: { usd: 0.2, per: "million invocations", source: "aws.amazon.com/lambda/pricing, from memory" },
  lambdaArmGbSecond: {
    usd: 0.0000133334,
    per: "GB and second on ARM",
    source: "aws.amazon.com/lambda/pricing, from memory",
  },
  rdsGp3GbMonth: { usd: 0.115, per: "GB and month", source: "usage.ai RDS calculator, June 2026" },
  rdsProxyVcpuHour: {
    usd: 0.015,
    per: "vCPU of the database and hour, two at the least",
    source: "aws.amazon.com/rds/proxy/pricing, from memory",
  },
  rdsBackupGbMonth: {
    usd: 0.095,
    per: "GB and month, beyond the size of the database's own storage",
    source:
      "aws.amazon.com/rds/postgresql/pricing, from memory; the free part: AWS Database Blog, Demystifying RDS backup storage costs",
  },
  dynamodbMillionWrites: {
    usd: 0.625,
    per: "million write units on demand",
    source: "aws.amazon.com/dynamodb/pricing/on-demand, from memory",
  },
  dynamodbMillionReads: {
    usd: 0.125,
    per: "million read units on demand",
    source: "aws.amazon.com/dynamodb/pricing/on-demand, from memory",
  },
  s3ThousandPuts: { usd: 0.005, per: "thousand PUTs", source: "aws.amazon.com/s3/pricing, from memory" },
  s3ThousandGets: { usd: 0.0004, per: "thousand GETs", source: "aws.amazon.com/s3/pricing, from memory" },
  ecrGbMonth: { usd: 0.1, per: "GB of images and month", source: "aws.amazon.com/ecr/pricing, from memory" },
  kmsTenThousandRequests: {
    usd: 0.03,
    per: "ten thousand requests; the key itself is AWS' own and free",
    source: "aws.amazon.com/kms/pricing, from memory",
  },
  internetOutGb: { usd: 0.09, per: "GB to the internet", source: "aws.amazon.com/ec2/pricing/on-demand, from memory" },
  secretMonth: { usd: 0.4, per: "secret and month", source: "aws.amazon.com/secrets-manager/pricing, from memory" },
  alarmMonth: {
    usd: 0.1,
    per: "metric of an alarm and month",
    source: "aws.amazon.com/cloudwatch/pricing, from memory",
  },
  dashboardMonth: { usd: 3, per: "dashboard and month", source: "aws.amazon.com/cloudwatch/pricing, from memory" },
  customMetricMonth: { usd: 0.3, per: "metric and month", source: "aws.amazon.com/cloudwatch/pricing, from memory" },
  logGb: { usd: 0.5, per: "GB of logs taken in", source: "aws.amazon.com/cloudwatch/pricing, from memory" },
  logStoredGbMonth: {
    usd: 0.03,
    per: "GB of logs kept and month, compressed to a seventh",
    source: "aws.amazon.com/cloudwatch/pricing, from memory",
  },
} as const satisfies Readonly<Record<string, Price>>;

/**
 * What every account has free each month and for ever, not only in its first year; whatever else runs in the account shares it.
 * Source: aws.amazon.com/free ("Always free"), from memory.
 */
export const ALWAYS_FREE = {
  lambdaRequests: 1e6,
  lambdaGbSeconds: 400_000,
  cloudwatchMetrics: 10,
  cloudwatchAlarms: 10,
  cloudwatchDashboards: 3,
  logGb: 5,
  internetOutGb: 100,
  kmsRequests: 20_000,
} as const;

/** `db.` classes for PostgreSQL, single zone: USD an hour, and vCPUs for the proxy's price. */
export const DATABASE_CLASSES: Readonly<
  Record<string, { readonly usdHour: number; readonly vcpus: number; readonly source: string }>
> = {
  "t4g.small": { usdHour: 0.032, vcpus: 2, source: "infratally.com, RDS pricing 2026" },
  "t4g.medium": { usdHour: 0.065, vcpus: 2, source: "infratally.com, RDS pricing 2026" },
  "t4g.large": { usdHour: 0.129, vcpus: 2, source: "aws.amazon.com/rds/postgresql/pricing, from memory" },
  "m8g.large": {
    usdHour: 0.168,
    vcpus: 2,
    source: "aws.amazon.com/rds/postgresql/pricing, from memory; compare before you buy",
  },
  "r8g.large": {
    usdHour: 0.239,
    vcpus: 2,
    source: "aws.amazon.com/rds/postgresql/pricing, from memory; compare before you buy",
  },
  "r8g.xlarge": {
    usdHour: 0.478,
    vcpus: 4,
    source: "aws.amazon.com/rds/postgresql/pricing, from memory; compare before you buy",
  },
};

/**
 * `cache.` nodes of Valkey: USD an hour. Source: AWS' Price List API of ElastiCache (us-east-1, on demand), as a public cost tool had copied it
 * in October 2026; a fifth below the Redis nodes of the same name, as AWS announced when Valkey came. AWS' own page could not be read here.
 */
export const VALKEY_NODE_PRICES: Readonly<Record<string, Price>> = Object.fromEntries(
  Object.entries({
    "t4g.micro": 0.0128,
    "t4g.small": 0.0256,
    "t4g.medium": 0.052,
    "m7g.large": 0.1264,
    "m7g.xlarge": 0.252,
    "r7g.large": 0.1752,
    "r7g.xlarge": 0.3496,
  }).map(([node, usd]) => [
    node,
    { usd, per: "node and hour", source: "AWS Price List API, ElastiCache for Valkey, copied in October 2026" },
  ]),
);
