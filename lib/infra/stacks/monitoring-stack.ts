/** Who is told when, and the picture to look at then. */
import { Aws, CfnOutput, Stack, type StackProps } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import * as iam from "aws-cdk-lib/aws-iam";
import * as sns from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";
import { type AlarmDefinition, alarmProps, type Severity } from "../alarms/alarm-definition.ts";
import { databaseAlarms } from "../alarms/database-alarms.ts";
import { indexerAlarms } from "../alarms/indexer-alarms.ts";
import { ingesterAlarms } from "../alarms/ingester-alarms.ts";
import { valkeyAlarms } from "../alarms/valkey-alarms.ts";
import { PipelineDashboard } from "../constructs/pipeline-dashboard.ts";
import { type MonitoredParts, monitoredMetrics } from "../monitored-metrics.ts";
import { resourceName } from "../names.ts";

export interface MonitoringStackProps extends StackProps, MonitoredParts {}

export class MonitoringStack extends Stack {
  constructor(scope: Construct, id: string, props: MonitoringStackProps) {
    super(scope, id, props);
    const { stage } = props;
    const metrics = monitoredMetrics(props);
    const topics: Readonly<Record<Severity, sns.Topic>> = {
      page: this.topic("page", props),
      ticket: this.topic("ticket", props),
    };
    const alarms = [
      ...ingesterAlarms(metrics),
      ...valkeyAlarms(stage, metrics),
      ...indexerAlarms(stage, metrics),
      ...databaseAlarms(stage, metrics),
    ].map((definition) => {
      const alarm = this.alarm(definition, props);
      const action = new SnsAction(topics[definition.severity]);
      alarm.addAlarmAction(action);
      // Whoever was woken may sleep again.
      alarm.addOkAction(action);
      return alarm;
    });
    new PipelineDashboard(this, "Dashboard", { stage, metrics, alarms });
    new CfnOutput(this, "DashboardUrl", { value: this.dashboardUrl(props) });
    for (const severity of ["page", "ticket"] as const) {
      new CfnOutput(this, severity === "page" ? "PageTopicArn" : "TicketTopicArn", {
        description: "Subscribe to it: aws sns subscribe --topic-arn …",
        value: topics[severity].topicArn,
      });
    }
  }

  private topic(severity: Severity, { stage }: MonitoringStackProps): sns.Topic {
    const topic = new sns.Topic(this, severity === "page" ? "Page" : "Ticket", {
      topicName: resourceName(stage, severity),
      enforceSSL: true,
    });
    // A policy of one's own, as TLS needs it, takes the place of the one that lets the account's alarms publish.
    topic.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions: ["sns:Publish"],
        resources: [topic.topicArn],
        conditions: { StringEquals: { "aws:SourceAccount": Aws.ACCOUNT_ID } },
      }),
    );
    return topic;
  }

  private alarm(definition: AlarmDefinition, props: MonitoringStackProps): cloudwatch.Alarm {
    const runbook = (this.node.tryGetContext("runbook") as string | undefined) ?? props.stage.runbook;
    return new cloudwatch.Alarm(this, definition.id, {
      ...alarmProps(definition),
      metric: definition.metric,
      alarmName: resourceName(props.stage, definition.id),
      alarmDescription: [
        `${definition.says}.`,
        `Runbook: ${runbook}#${definition.id}`,
        `Dashboard: ${this.dashboardUrl(props)}`,
        `Missing data: ${definition.silence}.`,
      ].join("\n"),
    });
  }

  private dashboardUrl({ stage }: MonitoringStackProps): string {
    return `https://${Aws.REGION}.console.aws.amazon.com/cloudwatch/home?region=${Aws.REGION}#dashboards/dashboard/${resourceName(stage, "pipeline")}`;
  }
}
