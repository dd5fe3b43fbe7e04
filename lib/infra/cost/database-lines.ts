/** What the rows cost: instance, storage that grows, backups, proxy and the owner's secret. */
import type { BillLine, BillOptions } from "./bill-line.ts";
import { UnknownPriceError } from "./errors.ts";
import { GB, SECONDS_A_MONTH } from "./monthly-amounts.ts";
import { DATABASE_CLASSES, HOURS_A_MONTH, PRICES } from "./prices-2026-11.ts";
import type { PaidDatabase, PaidResources } from "./resources.ts";
import type { Usage } from "./usage.ts";

const DAYS = 30;
const SECONDS_A_DAY = 86_400;

/** @throws UnknownPriceError */
export function databaseLines(
  { databases, proxies, secrets }: PaidResources,
  options: BillOptions,
): readonly BillLine[] {
  return databases.flatMap((database) => {
    const instance = options.instance ?? database.instance;
    const price = priceOf(instance);
    const copies = database.multiAz ? 2 : 1;
    const storage = meanOverDays(options, (stored) => allocated(database, stored, options.usage));
    return [
      { what: `RDS: ${copies} × db.${instance}`, usd: copies * HOURS_A_MONTH * price.usdHour },
      { what: `RDS: ${Math.round(storage)} GB of gp3`, usd: copies * storage * PRICES.rdsGp3GbMonth.usd },
      {
        what: `RDS: backups of ${database.backupDays} days`,
        usd:
          meanOverDays(options, (stored, day) => backupBeyondFree(database, { stored, day, usage: options.usage })) *
          PRICES.rdsBackupGbMonth.usd,
      },
      { what: "RDS Proxy", usd: proxies * Math.max(price.vcpus, 2) * HOURS_A_MONTH * PRICES.rdsProxyVcpuHour.usd },
      { what: "Secrets Manager", usd: secrets * PRICES.secretMonth.usd },
    ];
  });
}

function priceOf(instance: string): (typeof DATABASE_CLASSES)[string] {
  const price = DATABASE_CLASSES[instance];
  if (price !== undefined) return price;
  throw new UnknownPriceError(
    `no price for db.${instance}: add it to lib/infra/cost, or take one of ${Object.keys(DATABASE_CLASSES).join(", ")}`,
  );
}

/** At the end of the month. */
export function storedGb(month: number, usage: Usage): number {
  return (month * usage.eventsPerSecond * SECONDS_A_MONTH * usage.storedBytesPerEvent) / GB;
}

/** Never less than was asked for. */
function allocated({ allocatedGb }: PaidDatabase, stored: number, { storageHeadroom }: Usage): number {
  return Math.max(allocatedGb, stored * storageHeadroom);
}

/**
 * Backups are what is stored, once, and the log of the days that they go back; as much as the storage is free. What daily snapshots hold
 * of pages that were changed meanwhile is in no number that we have.
 */
function backupBeyondFree(
  database: PaidDatabase,
  { stored, day, usage }: { readonly stored: number; readonly day: number; readonly usage: Usage },
): number {
  const days = Math.min(database.backupDays, day);
  const log = (days * usage.eventsPerSecond * SECONDS_A_DAY * usage.walBytesPerEvent) / GB;
  return Math.max(0, stored + log - allocated(database, stored, usage));
}

/** The mean over the month's days of what is made of the GB stored by then; `day` counts from the first month's beginning. */
function meanOverDays({ month, usage }: BillOptions, amount: (stored: number, day: number) => number): number {
  const amounts = Array.from({ length: DAYS }, (_, index) => {
    const months = month - 1 + (index + 0.5) / DAYS;
    return amount(storedGb(months, usage), months * DAYS);
  });
  return amounts.reduce((sum, one) => sum + one, 0) / DAYS;
}
