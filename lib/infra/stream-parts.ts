/** The stream between ingester and indexer, as the stacks around it need it: one shape for each kind. */
import type * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import type * as kinesis from "aws-cdk-lib/aws-kinesis";
import type * as s3 from "aws-cdk-lib/aws-s3";
import type * as secretsmanager from "aws-cdk-lib/aws-secretsmanager";

export interface KinesisParts {
  readonly kind: "kinesis";
  readonly stream: kinesis.Stream;
  /** Batches that the function could not apply for longer than the maximum record age. */
  readonly failedBatches: s3.IBucket;
}

export interface ValkeyParts {
  readonly kind: "valkey";
  /** REDIS_URL, without the password. */
  readonly address: string;
  readonly secret: secretsmanager.ISecret;
  /** Of the replication group: what events name as their source. */
  readonly sourceArn: string;
  /** As CloudWatch knows the nodes. */
  readonly nodeIds: readonly string[];
}

export type StreamParts = KinesisParts | ValkeyParts;

/** What lies beside the stream, whichever it is. */
export interface StreamStorage {
  /** Of Kinesis lease, fence and cursor; of Valkey, which has its own cursor, how far all has been applied. */
  readonly cursorTable: dynamodb.Table;
  /** Events that are larger than a record of the stream, or a call of the function. */
  readonly largePacks: s3.IBucket;
}
