/** A stream of Valkey: how old is what is not applied, how much is unread, and is there room? */
import { TreatMissingData } from "aws-cdk-lib/aws-cloudwatch";
import type { MonitoredMetrics } from "../monitored-metrics.ts";
import type { Stage } from "../stage.ts";
import { STREAM_BYTES_PER_EVENT, streamRoom } from "../valkey-room.ts";
import { type AlarmDefinition, SILENCE } from "./alarm-definition.ts";

/** Of the rate for which rooms are planned, in docs/operating.md. */
const PLANNED_EVENTS_PER_SECOND = 500;
/** Of the stream's room: then there is as much time again before the ingester stops reading. */
const UNREAD_PART = 0.5;
/** Of a node's memory: the stream's own bound is below, and this above what it may reach. */
const MEMORY_PERCENT = 85;

export function valkeyAlarms(stage: Stage, { valkey }: MonitoredMetrics): readonly AlarmDefinition[] {
  if (valkey === undefined) return [];
  const { counted } = SILENCE;
  const reader = { onSilence: TreatMissingData.BREACHING, silence: "the metric is the reader's sign of life" };
  const sampled = {
    onSilence: TreatMissingData.NOT_BREACHING,
    silence: "ElastiCache writes each minute; where it does not, unread-age-high speaks",
  };
  return [
    {
      id: "unread-age",
      severity: "ticket",
      says: "The oldest entry that is not applied is more than a minute old",
      metric: valkey.oldestUnhandled,
      when: "above",
      threshold: 60,
      points: [10, 15],
      ...reader,
    },
    {
      id: "unread-age-high",
      severity: "page",
      says: "The oldest entry that is not applied is more than ten minutes old, or nobody reads the stream",
      metric: valkey.oldestUnhandled,
      when: "above",
      threshold: 600,
      points: [10, 15],
      ...reader,
    },
    {
      id: "unread-backlog",
      severity: "page",
      says: "Half of the stream's room is unread: at its end the ingester stops reading the relay",
      metric: valkey.unreadEntries,
      when: "above",
      threshold: halfOfRoom(stage),
      points: [3, 5],
      onSilence: TreatMissingData.NOT_BREACHING,
      silence: "unread-age-high speaks for a reader that is silent",
    },
    {
      id: "valkey-memory",
      severity: "page",
      says: `A node of the stream has used ${MEMORY_PERCENT} % of its memory: full, it takes nothing more`,
      metric: valkey.memoryPercent,
      when: "above",
      threshold: MEMORY_PERCENT,
      points: [5, 5],
      ...sampled,
    },
    {
      id: "valkey-evictions",
      severity: "page",
      says: "The stream has thrown something away to make room",
      metric: valkey.evictions,
      when: "above",
      threshold: 0,
      points: [1, 1],
      ...counted,
    },
  ];
}

/** In entries: each lane writes one a second, and more events make them larger. */
function halfOfRoom({ valkey, stream }: Stage): number {
  const bytes = streamRoom(valkey.node)?.bytes ?? 0;
  const seconds = bytes / STREAM_BYTES_PER_EVENT / PLANNED_EVENTS_PER_SECOND;
  return Math.floor(seconds * stream.lanes * UNREAD_PART);
}
