/** What lies between the processes: the stream, the table of the cursor, and two buckets for what does not fit or would not go. */
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import * as kinesis from "aws-cdk-lib/aws-kinesis";
import * as s3 from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { resourceName } from "../names.ts";
import type { Stage } from "../stage.ts";

/** A batch that failed may lie for months before somebody redrives it, and is worth nothing without the large packs that it names. */
const LARGE_PACK_DAYS = 365;

export interface StreamStackProps extends StackProps {
  readonly stage: Stage;
}

export class StreamStack extends Stack {
  readonly stream: kinesis.Stream;
  /** Lease, fence and cursor. */
  readonly cursorTable: dynamodb.Table;
  /** Events that are larger than a record of the stream. */
  readonly largePacks: s3.IBucket;
  /** Batches that the function could not apply for longer than the maximum record age. */
  readonly failedBatches: s3.IBucket;

  constructor(scope: Construct, id: string, props: StreamStackProps) {
    super(scope, id, props);
    const { stage } = props;
    const removalPolicy = stage.onRemoval === "keep" ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;

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

    this.cursorTable = new dynamodb.Table(this, "CursorTable", {
      tableName: resourceName(stage, "cursor"),
      partitionKey: { name: "id", type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      removalPolicy,
    });

    this.largePacks = this.bucket("LargePacks", {
      stage,
      // Read within the stream's retention, and once more where somebody redrives.
      expiration: Duration.days(LARGE_PACK_DAYS),
    });
    // Without an end: what is in it has not been applied, and nobody but a person may give it up.
    this.failedBatches = this.bucket("FailedBatches", { stage });

    new CfnOutput(this, "StreamName", { value: this.stream.streamName });
    new CfnOutput(this, "CursorTableName", { value: this.cursorTable.tableName });
    new CfnOutput(this, "FailedBatchesBucketName", { value: this.failedBatches.bucketName });
    new CfnOutput(this, "LargePacksBucketName", { value: this.largePacks.bucketName });
  }

  private bucket(id: string, options: { readonly stage: Stage; readonly expiration?: Duration }): s3.IBucket {
    const keep = options.stage.onRemoval === "keep";
    return new s3.Bucket(this, id, {
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      lifecycleRules: [
        {
          abortIncompleteMultipartUploadAfter: Duration.days(1),
          ...(options.expiration !== undefined && { expiration: options.expiration }),
        },
      ],
      // Emptying a bucket on deletion would need a function of CDK's: `docs/operating.md` says how to do it by hand.
      removalPolicy: keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    }) as s3.IBucket;
  }
}
