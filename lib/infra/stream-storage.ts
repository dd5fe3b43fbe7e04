/** What lies beside the stream, in the stack of the stream: the table of the cursor, and buckets. */
import { Duration, RemovalPolicy } from "aws-cdk-lib";
import * as dynamodb from "aws-cdk-lib/aws-dynamodb";
import * as s3 from "aws-cdk-lib/aws-s3";
import type { Construct } from "constructs";
import { resourceName } from "./names.ts";
import type { Stage } from "./stage.ts";
import type { StreamStorage } from "./stream-parts.ts";

/** A batch that failed may lie for months before somebody redrives it, and is worth nothing without the large packs that it names. */
const LARGE_PACK_DAYS = 365;

export function streamStorage(scope: Construct, stage: Stage): StreamStorage {
  const cursorTable = new dynamodb.Table(scope, "CursorTable", {
    tableName: resourceName(stage, "cursor"),
    partitionKey: { name: "id", type: dynamodb.AttributeType.STRING },
    billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    removalPolicy: stage.onRemoval === "keep" ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
  const largePacks = privateBucket(scope, "LargePacks", {
    stage,
    // Read within the stream's retention, and once more where somebody redrives.
    expiration: Duration.days(LARGE_PACK_DAYS),
  });
  return { cursorTable, largePacks };
}

export function privateBucket(
  scope: Construct,
  id: string,
  options: { readonly stage: Stage; readonly expiration?: Duration },
): s3.IBucket {
  const keep = options.stage.onRemoval === "keep";
  return new s3.Bucket(scope, id, {
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
