/** The log group of a process, under a name that a person can find: `/standpipe/<stage>/<process>`. */
import { RemovalPolicy } from "aws-cdk-lib";
import * as logs from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import type { Stage } from "../stage.ts";

export class ProcessLog extends logs.LogGroup {
  constructor(scope: Construct, id: string, { stage, name }: { readonly stage: Stage; readonly name: string }) {
    super(scope, id, {
      logGroupName: `/standpipe/${stage.name}/${name}`,
      retention: RETENTION[stage.logDays],
      // What has to be kept is in the database: an event that could not be applied is a row there, or an object in the bucket.
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }
}

const RETENTION: Readonly<Record<Stage["logDays"], logs.RetentionDays>> = {
  1: logs.RetentionDays.ONE_DAY,
  7: logs.RetentionDays.ONE_WEEK,
  30: logs.RetentionDays.ONE_MONTH,
};
