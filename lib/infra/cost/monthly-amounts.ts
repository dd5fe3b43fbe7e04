/** Resources and usage in, the amounts of a month out that more than one line is made of. */
import { HOURS_A_MONTH } from "./prices-2026-11.ts";
import type { PaidResources } from "./resources.ts";
import type { Usage } from "./usage.ts";

export const SECONDS_A_MONTH = HOURS_A_MONTH * 3600;
const MINUTES_A_MONTH = HOURS_A_MONTH * 60;
export const GB = 1e9;

export interface MonthlyAmounts {
  readonly events: number;
  /** Of the function between stream and rows. */
  readonly invocations: number;
  readonly gbSeconds: number;
  /** Of the canary. */
  readonly canaryInvocations: number;
  readonly canaryGbSeconds: number;
  readonly logGb: number;
  readonly keyRequests: number;
  readonly internetOutGb: number;
}

export function monthlyAmounts(resources: PaidResources, usage: Usage): MonthlyAmounts {
  const { workers, batchingWindowSeconds, indexerMemoryGb, canaries, shards, tasks } = resources;
  const events = usage.eventsPerSecond * SECONDS_A_MONTH;
  // A worker has one batch at a time, and waits for the next as long as the window says.
  const invocations = (workers / Math.max(batchingWindowSeconds, 1)) * SECONDS_A_MONTH;
  const seconds = (invocations * usage.invocationMs + events * usage.eventMs) / 1000;
  const canaryMemoryGb = canaries.reduce((sum, { memoryGb }) => sum + memoryGb, 0);
  const services = Math.max(1, tasks.length);
  const logBytes = invocations * usage.logBytesPerInvocation + services * usage.logBytesPerSecond * SECONDS_A_MONTH;
  return {
    events,
    invocations,
    gbSeconds: seconds * indexerMemoryGb,
    canaryInvocations: canaries.length * MINUTES_A_MONTH,
    canaryGbSeconds: MINUTES_A_MONTH * (usage.canaryMs / 1000) * canaryMemoryGb,
    logGb: logBytes / GB,
    keyRequests: shards * usage.keyRequestsPerShard,
    internetOutGb: tasks.length === 0 ? 0 : (events * usage.frameBytes * usage.acknowledgedShare) / GB,
  };
}

export function millions(amount: number): number {
  return amount / 1e6;
}
