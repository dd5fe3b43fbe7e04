/** relay → stream → function → rows, from left to right: how much goes through each step, how far it is behind, what goes wrong in it. */
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import { Construct } from "constructs";
import type { MonitoredMetrics } from "../monitored-metrics.ts";
import { resourceName } from "../names.ts";
import type { Stage } from "../stage.ts";

/** A quarter of the dashboard's 24 columns: one for each step. */
const WIDTH = 6;
const HEIGHT = 6;

export interface PipelineDashboardProps {
  readonly stage: Stage;
  readonly metrics: MonitoredMetrics;
  readonly alarms: readonly cloudwatch.Alarm[];
}

export class PipelineDashboard extends Construct {
  constructor(scope: Construct, id: string, { stage, metrics, alarms }: PipelineDashboardProps) {
    super(scope, id);
    const { database } = metrics;
    const { through, behind, wrong } = stepsOf(metrics);
    new cloudwatch.Dashboard(this, "Resource", {
      dashboardName: resourceName(stage, "pipeline"),
      widgets: [
        [new cloudwatch.AlarmStatusWidget({ title: "Alarms", width: 24, height: 3, alarms: [...alarms] })],
        [heading("relay →"), heading("stream →"), heading("function →"), heading("rows")],
        // How much goes through each step,
        [
          graph("Events from the relay, a minute", [metrics.receivedEvents]),
          ...through,
          graph("Events applied, a minute", [metrics.appliedEvents]),
        ],
        // how far it is behind,
        [
          graph("Behind the relay, seconds", [metrics.ingestLag], [metrics.inFlightBytes]),
          ...behind,
          graph("Age of the newest rows, seconds", [metrics.newestRowAge]),
        ],
        // and what goes wrong in it.
        [...wrong],
        ...(database === undefined
          ? []
          : [
              [
                graph("Database: CPU %, credits", [database.cpuPercent], [database.cpuCredits]),
                graph("Database: free bytes", [database.freeBytes]),
                graph("Database: connections, pinned sessions", [database.connections, database.pinnedSessions]),
                graph("Proxy: borrow µs, refused logins", [database.borrowLatencyUs], [database.refusedLogins]),
              ],
            ]),
      ],
    });
  }
}

/** What differs by the kind of the stream, and by who applies packs: the middle of the first two rows, and the whole third. */
interface Steps {
  readonly through: readonly cloudwatch.IWidget[];
  readonly behind: readonly cloudwatch.IWidget[];
  readonly wrong: readonly cloudwatch.IWidget[];
}

function stepsOf(metrics: MonitoredMetrics): Steps {
  const { kinesis, valkey, indexer, gaps, deadLetters } = metrics;
  const invocations = graph(
    "Invocations, a minute",
    indexer === undefined ? [] : [indexer.invocations],
    indexer === undefined ? [] : [indexer.durationMs],
  );
  const errors = graph(
    "Errors, throttles of the function",
    indexer === undefined ? [] : [indexer.errors],
    indexer === undefined ? [] : [indexer.throttles],
  );
  if (valkey !== undefined) {
    return {
      through: [graph("Put into the stream, entries a minute", [valkey.putEntries]), invocations],
      behind: [
        graph("Memory of the stream, %", [valkey.memoryPercent]),
        graph("Oldest entry not applied, seconds; unread entries", [valkey.oldestUnhandled], [valkey.unreadEntries]),
      ],
      wrong: [
        graph("Gaps", [gaps]),
        graph("Evicted by the stream", [valkey.evictions]),
        errors,
        graph("Dead letters", [deadLetters]),
      ],
    };
  }
  if (kinesis === undefined) return { through: [], behind: [], wrong: [] };
  return {
    through: [
      graph("Put into the stream, a minute", [kinesis.putRecords], [kinesis.putBytes, kinesis.incomingBytes]),
      invocations,
    ],
    behind: [
      graph("Waiting in the stream, ms", [kinesis.streamAgeMs]),
      graph("Behind the stream, ms", [kinesis.iteratorAgeMs]),
    ],
    wrong: [
      graph("Leases taken, gaps", [kinesis.leaseTakeovers], [gaps]),
      graph("Not taken by the stream", [kinesis.throttledPuts]),
      errors,
      graph("Dead letters, failed batches", [deadLetters], [kinesis.failedBatches, kinesis.failedDeliveries]),
    ],
  };
}

function heading(text: string): cloudwatch.IWidget {
  return new cloudwatch.TextWidget({ markdown: `## ${text}`, width: WIDTH, height: 1 });
}

function graph(title: string, left: cloudwatch.IMetric[], right: cloudwatch.IMetric[] = []): cloudwatch.IWidget {
  return new cloudwatch.GraphWidget({ title, left, right, width: WIDTH, height: HEIGHT });
}
