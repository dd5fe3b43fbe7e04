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
    new cloudwatch.Dashboard(this, "Resource", {
      dashboardName: resourceName(stage, "pipeline"),
      widgets: [
        [new cloudwatch.AlarmStatusWidget({ title: "Alarms", width: 24, height: 3, alarms: [...alarms] })],
        [heading("relay →"), heading("stream →"), heading("function →"), heading("rows")],
        // How much goes through each step,
        [
          graph("Events from the relay, a minute", [metrics.receivedEvents]),
          graph("Put into the stream, a minute", [metrics.putRecords], [metrics.putBytes, metrics.incomingBytes]),
          graph("Invocations, a minute", [metrics.invocations], [metrics.durationMs]),
          graph("Events applied, a minute", [metrics.appliedEvents]),
        ],
        // how far it is behind,
        [
          graph("Behind the relay, seconds", [metrics.ingestLag], [metrics.inFlightBytes]),
          graph("Waiting in the stream, ms", [metrics.streamAgeMs]),
          graph("Behind the stream, ms", [metrics.iteratorAgeMs]),
          graph("Age of the newest rows, seconds", [metrics.newestRowAge]),
        ],
        // and what goes wrong in it.
        [
          graph("Leases taken, gaps", [metrics.leaseTakeovers], [metrics.gaps]),
          graph("Not taken by the stream", [metrics.throttledPuts]),
          graph("Errors, throttles of the function", [metrics.indexerErrors], [metrics.indexerThrottles]),
          graph(
            "Dead letters, failed batches",
            [metrics.deadLetters],
            [metrics.failedBatches, metrics.failedDeliveries],
          ),
        ],
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

function heading(text: string): cloudwatch.IWidget {
  return new cloudwatch.TextWidget({ markdown: `## ${text}`, width: WIDTH, height: 1 });
}

function graph(title: string, left: cloudwatch.IMetric[], right: cloudwatch.IMetric[] = []): cloudwatch.IWidget {
  return new cloudwatch.GraphWidget({ title, left, right, width: WIDTH, height: HEIGHT });
}
