/** From the relay into the stream: is anything coming, how far behind, and is something missing? */

import type { MonitoredMetrics } from "../monitored-metrics.ts";
import { type AlarmDefinition, SILENCE } from "./alarm-definition.ts";

/** Hours for which a relay keeps what it has sent. */
const RELAY_WINDOW_HOURS = 72;

export function ingesterAlarms(metrics: MonitoredMetrics): readonly AlarmDefinition[] {
  const { heartbeat, counted, gauged } = SILENCE;
  const standby: readonly AlarmDefinition[] =
    metrics.standby === undefined
      ? []
      : [
          {
            id: "no-standby",
            severity: "ticket",
            says: "No second task waits for the lease: where the first one dies, it takes 90 s instead of 15",
            metric: metrics.standby,
            when: "below",
            threshold: 1,
            // Longer than a deployment, in which one of the two goes at a time.
            points: [15, 15],
            ...heartbeat,
          },
        ];
  return [
    ...standby,
    {
      id: "no-ingest",
      severity: "page",
      says: "No event has come from the relay",
      metric: metrics.receivedEvents,
      when: "below",
      threshold: 1,
      points: [3, 5],
      ...heartbeat,
    },
    {
      id: "ingest-lag",
      severity: "page",
      says: "The ingester is more than two minutes behind the relay",
      metric: metrics.ingestLag,
      when: "above",
      threshold: 120,
      points: [15, 15],
      ...gauged,
    },
    {
      id: "lag-near-relay-window",
      severity: "page",
      says: `The ingester is behind by half of the relay's ${RELAY_WINDOW_HOURS} hours: events will be lost at its end`,
      metric: metrics.ingestLag,
      when: "above",
      threshold: RELAY_WINDOW_HOURS * 3600 * 0.5,
      points: [3, 3],
      ...gauged,
    },
    {
      id: "gaps",
      severity: "ticket",
      says: "A span of the stream may be missing",
      metric: metrics.gaps,
      when: "above",
      threshold: 0,
      points: [1, 1],
      ...counted,
    },
    ...kinesisAlarms(metrics),
  ];
}

/** Of an ingester that writes into Kinesis under a lease. */
function kinesisAlarms({ kinesis }: MonitoredMetrics): readonly AlarmDefinition[] {
  if (kinesis === undefined) return [];
  const { counted } = SILENCE;
  return [
    {
      id: "lease-changes",
      severity: "ticket",
      says: "The ingester's lease has changed hands again and again",
      metric: kinesis.leaseTakeovers,
      when: "above",
      threshold: 3,
      points: [1, 1],
      ...counted,
    },
    {
      id: "throttled-puts",
      severity: "ticket",
      says: "Kinesis does not take what the ingester sends",
      metric: kinesis.throttledPuts,
      when: "above",
      threshold: 0,
      points: [3, 5],
      ...counted,
    },
  ];
}
