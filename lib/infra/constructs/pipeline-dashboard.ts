/** relay → stream → function → rows, from left to right: above how much goes through each step, below how far it is behind. */
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
        [
          graph("Events from the relay, a minute", [metrics.receivedEvents]),
          graph("Put into the stream, a minute", [metrics.putRecords], [metrics.putBytes, metrics.incomingBytes]),
          graph("Invocations, a minute", [metrics.invocations], [metrics.durationMs]),
          graph("Events applied, a minute", [metrics.appliedEvents], [metrics.deadLetters]),
        ],
        [
          graph("Behind the relay, seconds", [metrics.ingestLag], [metrics.inFlightBytes]),
          graph("Not taken by the stream", [metrics.throttledPuts], [metrics.leaseTakeovers, metrics.gaps]),
          graph("Behind the stream, ms", [metrics.iteratorAgeMs], [metrics.indexerErrors, metrics.indexerThrottles]),
          graph("Age of the newest rows, seconds", [metrics.newestRowAge], [metrics.failedBatches]),
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
