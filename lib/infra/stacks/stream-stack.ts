/** What lies between the processes: the stream, the table of the cursor, and two buckets for what does not fit or would not go. */
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import * as kinesis from "aws-cdk-lib/aws-kinesis";
import type * as s3 from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { resourceName } from "../names.ts";
import type { Stage } from "../stage.ts";
import type { KinesisParts, StreamStorage } from "../stream-parts.ts";
import { privateBucket, streamStorage } from "../stream-storage.ts";

export interface StreamStackProps extends StackProps {
  readonly stage: Stage;
}

export class StreamStack extends Stack {
  readonly stream: kinesis.Stream;
  /** Lease, fence and cursor, and events that are larger than a record of the stream. */
  readonly storage: StreamStorage;
  /** Batches that the function could not apply for longer than the maximum record age. */
  readonly failedBatches: s3.IBucket;

  constructor(scope: Construct, id: string, props: StreamStackProps) {
    super(scope, id, props);
    const { stage } = props;

    this.stream = new kinesis.Stream(this, "Stream", {
      streamName: resourceName(stage, "events"),
      // On demand would cost four times as much for two shards' worth.
      streamMode: kinesis.StreamMode.PROVISIONED,
      shardCount: stage.stream.shards,
      retentionPeriod: Duration.hours(stage.stream.retentionHours),
      encryption: kinesis.StreamEncryption.MANAGED,
      // Everything in it comes again from the relay, or is in the database already.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.storage = streamStorage(this, stage);
    // Without an end: what is in it has not been applied, and nobody but a person may give it up.
    this.failedBatches = privateBucket(this, "FailedBatches", { stage });

    new CfnOutput(this, "StreamName", { value: this.stream.streamName });
    new CfnOutput(this, "CursorTableName", { value: this.storage.cursorTable.tableName });
    new CfnOutput(this, "FailedBatchesBucketName", { value: this.failedBatches.bucketName });
    new CfnOutput(this, "LargePacksBucketName", { value: this.storage.largePacks.bucketName });
  }

  get parts(): KinesisParts {
    return { kind: "kinesis", stream: this.stream, failedBatches: this.failedBatches };
  }
}
