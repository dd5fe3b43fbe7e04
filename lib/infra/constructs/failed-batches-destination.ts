/** The on-failure destination of the stream's function: the bucket, with the two rights that Lambda asks for and no others. */
import * as iam from "aws-cdk-lib/aws-iam";
import type * as lambda from "aws-cdk-lib/aws-lambda";
import type * as s3 from "aws-cdk-lib/aws-s3";
import { grantObjects } from "../grant-objects.ts";

/** CDK's own class would let the function read and delete what it could not apply. */
export class FailedBatchesDestination implements lambda.IEventSourceDlq {
  private readonly bucket: s3.IBucket;

  constructor(bucket: s3.IBucket) {
    this.bucket = bucket;
  }

  bind(_mapping: lambda.IEventSourceMapping, handler: lambda.IFunction): lambda.DlqDestinationConfig {
    grantObjects(this.bucket, { to: handler, actions: ["s3:PutObject"] });
    handler.grantPrincipal.addToPrincipalPolicy(
      new iam.PolicyStatement({ actions: ["s3:ListBucket"], resources: [this.bucket.bucketArn] }),
    );
    return { destination: this.bucket.bucketArn };
  }
}
