/** What looking costs: alarms, metrics, dashboard and logs; and what each account has of it for nothing. */
import type { BillLine } from "./bill-line.ts";
import { millions, monthlyAmounts } from "./monthly-amounts.ts";
import { ALWAYS_FREE, PRICES } from "./prices-2026-11.ts";
import type { PaidResources } from "./resources.ts";
import type { Usage } from "./usage.ts";

/** Logs that are kept are paid compressed. */
const LOG_COMPRESSION = 7;

export function observationLines(resources: PaidResources, usage: Usage): readonly BillLine[] {
  const { alarmedMetrics, ownMetrics, dashboards, logDays } = resources;
  const { logGb } = monthlyAmounts(resources, usage);
  const kept = (logGb * (logDays / 30)) / LOG_COMPRESSION;
  return [
    { what: `CloudWatch: ${alarmedMetrics} metrics of alarms`, usd: alarmedMetrics * PRICES.alarmMonth.usd },
    { what: `CloudWatch: ${dashboards} dashboard`, usd: dashboards * PRICES.dashboardMonth.usd },
    { what: `CloudWatch: ${ownMetrics} metrics of ours`, usd: ownMetrics * PRICES.customMetricMonth.usd },
    { what: "CloudWatch: logs", usd: logGb * PRICES.logGb.usd + kept * PRICES.logStoredGbMonth.usd },
  ];
}

/** USD: of what is used, what `ALWAYS_FREE` covers. */
export function freeInEveryAccount(resources: PaidResources, usage: Usage): number {
  const amounts = monthlyAmounts(resources, usage);
  const invocations = amounts.invocations + amounts.canaryInvocations;
  const gbSeconds = amounts.gbSeconds + amounts.canaryGbSeconds;
  return [
    millions(Math.min(invocations, ALWAYS_FREE.lambdaRequests)) * PRICES.lambdaMillionRequests.usd,
    Math.min(gbSeconds, ALWAYS_FREE.lambdaGbSeconds) * PRICES.lambdaArmGbSecond.usd,
    Math.min(resources.alarmedMetrics, ALWAYS_FREE.cloudwatchAlarms) * PRICES.alarmMonth.usd,
    Math.min(resources.dashboards, ALWAYS_FREE.cloudwatchDashboards) * PRICES.dashboardMonth.usd,
    Math.min(resources.ownMetrics, ALWAYS_FREE.cloudwatchMetrics) * PRICES.customMetricMonth.usd,
    Math.min(amounts.logGb, ALWAYS_FREE.logGb) * PRICES.logGb.usd,
    Math.min(amounts.internetOutGb, ALWAYS_FREE.internetOutGb) * PRICES.internetOutGb.usd,
    (Math.min(amounts.keyRequests, ALWAYS_FREE.kmsRequests) / 10_000) * PRICES.kmsTenThousandRequests.usd,
  ].reduce((sum, usd) => sum + usd, 0);
}
