/** The managed database and its proxy: room, time and connections. */
import { TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { MonitoredMetrics } from "../monitored-metrics.ts";
import { type Stage, workersOf } from "../stage.ts";
import type { AlarmDefinition } from "./alarm-definition.ts";

/** Less than RDS waits for: it grows storage of which 10 % or less have been free for five minutes ("Managing capacity automatically", RDS guide). */
const STORAGE_LEFT_PART = 0.05;
const STORAGE_LEFT_GIB = 5;

/** Alarms of the managed database and its proxy. */
export function databaseAlarms(stage: Stage, metrics: MonitoredMetrics): readonly AlarmDefinition[] {
  const { database } = metrics;
  if (database === undefined) return [];
  const sampled = {
    onSilence: TreatMissingData.NOT_BREACHING,
    silence: "RDS writes each minute; where it does not, stale-rows speaks",
  };
  const perClient = { onSilence: TreatMissingData.NOT_BREACHING, silence: "without clients the proxy writes nothing" };
  const leftGiB = Math.min(STORAGE_LEFT_GIB, stage.database.allocatedGiB * STORAGE_LEFT_PART);
  const workers = workersOf(stage);
  const alarms: readonly AlarmDefinition[] = [
    {
      id: "proxy-pinning",
      severity: "ticket",
      says: "Sessions stay pinned to connections of the database",
      metric: database.pinnedSessions,
      when: "above",
      threshold: workers * 2,
      points: [15, 15],
      ...perClient,
    },
    {
      id: "proxy-borrow-latency",
      severity: "ticket",
      says: "Clients wait for a connection of the proxy",
      metric: database.borrowLatencyUs,
      when: "above",
      threshold: 100_000,
      points: [5, 10],
      ...perClient,
    },
    {
      id: "proxy-refused-logins",
      severity: "ticket",
      says: "The proxy refuses the tokens of clients",
      metric: database.refusedLogins,
      when: "above",
      threshold: 0,
      points: [3, 5],
      ...perClient,
    },
    {
      id: "database-cpu",
      severity: "ticket",
      says: "The database has worked at 80 % for a quarter of an hour",
      metric: database.cpuPercent,
      when: "above",
      threshold: 80,
      points: [15, 15],
      ...sampled,
    },
    {
      id: "database-storage",
      severity: "page",
      says: `The database has less than ${leftGiB} GiB left, and autoscaling has not helped`,
      metric: database.freeBytes,
      when: "below",
      threshold: leftGiB * 2 ** 30,
      points: [10, 10],
      ...sampled,
    },
    {
      id: "database-connections",
      severity: "ticket",
      says: "The database has more than 60 connections where 20 are planned",
      metric: database.connections,
      when: "above",
      threshold: 60,
      points: [5, 10],
      ...sampled,
    },
  ];
  // Only burstable instances have credits.
  if (!stage.database.instance.startsWith("t")) return alarms;
  return [
    ...alarms,
    {
      id: "database-credits",
      severity: "ticket",
      says: "The database's CPU credits run out: beyond them each hour of a core is paid extra",
      metric: database.cpuCredits,
      when: "below",
      threshold: 50,
      // Six hours: a new instance begins without any, and earns 24 in each (`t4g.small`).
      points: [6, 6],
      ...sampled,
    },
  ];
}
