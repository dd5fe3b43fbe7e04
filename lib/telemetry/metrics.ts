/** Every metric's name; the unit is part of it. The same names stand in `/metrics` and, on AWS, in CloudWatch. */

export interface MetricDefinition {
  readonly kind: "counter" | "gauge";
  readonly help: string;
  /** Name of the one label, where there is one. */
  readonly label?: string;
}

export const METRICS = {
  received_frames_total: { kind: "counter", help: "Frames received from the relay" },
  received_bytes_total: { kind: "counter", help: "Bytes of the frames received" },
  received_events_total: { kind: "counter", help: "Events decoded, by kind", label: "kind" },
  ignored_frames_total: {
    kind: "counter",
    help: "Frames not taken, by reason (repeat, unknown-kind, info)",
    label: "reason",
  },
  malformed_frames_total: { kind: "counter", help: "Frames that could not be decoded" },
  reconnects_total: { kind: "counter", help: "Connections lost or refused, by reason", label: "reason" },
  gaps_total: { kind: "counter", help: "Spans written into the gap ledger, by reason", label: "reason" },
  filtered_ops_total: { kind: "counter", help: "Ops left out by COLLECTIONS" },
  packs_total: { kind: "counter", help: "Packs made durable" },
  packed_bytes_total: { kind: "counter", help: "Bytes of the packs' bodies before compression" },
  applied_events_total: { kind: "counter", help: "Events applied, by kind", label: "kind" },
  repeated_events_total: { kind: "counter", help: "Events that had been applied before" },
  applied_ops_total: { kind: "counter", help: "Ops applied, by action", label: "action" },
  repeated_ops_total: { kind: "counter", help: "Ops that had been applied before, or were overtaken by a later one" },
  dead_letters_total: { kind: "counter", help: "Dead letters written, by reason", label: "reason" },
  broken_chains_total: { kind: "counter", help: "Commits whose `since` did not continue the stored rev" },
  repeated_packs_total: { kind: "counter", help: "Packs with a number or fence that had been applied before" },
  batches_total: { kind: "counter", help: "Batches committed" },
  batch_retries_total: {
    kind: "counter",
    help: "Batches that waited and were tried again, by reason",
    label: "reason",
  },
  put_calls_total: { kind: "counter", help: "PutRecords calls" },
  put_records_total: { kind: "counter", help: "Records that the stream has taken" },
  put_bytes_total: { kind: "counter", help: "Bytes of these records: packs, compressed" },
  put_retries_total: {
    kind: "counter",
    help: "Records that the stream did not take and that were sent again, by reason",
    label: "reason",
  },
  split_packs_total: { kind: "counter", help: "Packs that were too large for one record and became several" },
  large_packs_total: { kind: "counter", help: "Events too large for a record, kept in the bucket" },
  stream_entries_total: { kind: "counter", help: "Entries that the Redis stream has taken" },
  stream_set_backs_total: {
    kind: "counter",
    help: "Times that Redis had less than it had acknowledged, and reading went back",
  },
  trimmed_entries_total: {
    kind: "counter",
    help: "Entries trimmed from the Redis stream, by reason (handled; maxlen: whoever had not read them)",
    label: "reason",
  },
  redelivered_entries_total: { kind: "counter", help: "Entries claimed that had been delivered before" },
  lease_takeovers_total: {
    kind: "counter",
    help: "Leases taken, by how (new, released, expired)",
    label: "how",
  },
  relay_switches_total: {
    kind: "counter",
    help: "Cursors that went on in another relay's numbering, or another epoch",
  },
  cursor_saves_total: { kind: "counter", help: "Saves of the low-water mark" },
  cursor_seq: { kind: "gauge", help: "The durable low-water mark" },
  received_seq: { kind: "gauge", help: "The newest seq received" },
  lag_seconds: { kind: "gauge", help: "Now minus the sender's time of the newest durable event" },
  in_flight_bytes: { kind: "gauge", help: "Bytes accepted and not yet durable" },
  connected: { kind: "gauge", help: "1 while a relay is connected" },
  database_connected: { kind: "gauge", help: "1 while the database answers" },
  stored_records: { kind: "gauge", help: "Records stored" },
  newest_row_age_seconds: {
    kind: "gauge",
    help: "Now minus the sender's time of the newest event whose rows are stored, asked of the database",
  },
  open_dead_letters: { kind: "gauge", help: "Dead letters that are open: somebody should look" },
  recorded_gaps: { kind: "gauge", help: "Spans in the gap ledger" },
  retrying_lanes: { kind: "gauge", help: "Lanes whose record the stream did not take at the last attempt" },
  lease_age_seconds: { kind: "gauge", help: "Since the lease was renewed; past 7 nothing is sent" },
  standby: { kind: "gauge", help: "1 while another process holds the lease and this one waits" },
  stream_events: { kind: "gauge", help: "Events in the Redis stream, handled ones included while they are kept" },
  stream_group_lag: {
    kind: "gauge",
    help: "Entries of the Redis stream that a group has not handled: unread and pending",
    label: "group",
  },
  unread_entries: { kind: "gauge", help: "Entries of the Redis stream that the group has given to nobody: its lag" },
  oldest_unhandled_seconds: {
    kind: "gauge",
    help: "Age of the oldest entry of the Redis stream that is unread, or read and not applied yet",
  },
  function_calls_total: {
    kind: "counter",
    help: "Calls of the function, by how they ended (done, partly-done, not-done, function-error, no-answer)",
    label: "outcome",
  },
  resident_bytes: { kind: "gauge", help: "Resident memory of this process" },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;

/**
 * What CloudWatch keeps as a metric: what an alarm or the dashboard of `lib/infra` looks at, and nothing else, since each is paid each month
 * (0.30 USD), looked at or not. The others stand beside them in the same lines, for queries of the log.
 */
export const CLOUDWATCH_METRICS: ReadonlySet<MetricName> = new Set<MetricName>([
  "received_events_total",
  "lag_seconds",
  "in_flight_bytes",
  "put_records_total",
  "put_bytes_total",
  "lease_takeovers_total",
  "gaps_total",
  "applied_events_total",
  "dead_letters_total",
  "newest_row_age_seconds",
]);

/** Of `ingest` with Redis, of `poll`, and of `work`, which does the function's part as well. */
export const CLOUDWATCH_METRICS_OF_REDIS = {
  ingest: new Set<MetricName>([
    "received_events_total",
    "lag_seconds",
    "in_flight_bytes",
    "stream_entries_total",
    "gaps_total",
  ]),
  poll: new Set<MetricName>(["unread_entries", "oldest_unhandled_seconds"]),
  work: new Set<MetricName>([
    "unread_entries",
    "oldest_unhandled_seconds",
    "applied_events_total",
    "dead_letters_total",
    "gaps_total",
  ]),
} as const satisfies Record<string, ReadonlySet<MetricName>>;

/** With a standby also whether one waits, which only its alarm looks at. */
export const CLOUDWATCH_METRICS_WITH_STANDBY: ReadonlySet<MetricName> = new Set<MetricName>([
  ...CLOUDWATCH_METRICS,
  "standby",
]);
