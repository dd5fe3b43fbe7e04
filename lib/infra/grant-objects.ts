/** The one right on a bucket's objects that a process needs: CDK's own grants add others, with wildcards. */
import * as iam from "aws-cdk-lib/aws-iam";
import type * as s3 from "aws-cdk-lib/aws-s3";

export function grantObjects(
  bucket: s3.IBucket,
  { to, actions }: { readonly to: iam.IGrantable; readonly actions: readonly `s3:${string}`[] },
): void {
  to.grantPrincipal.addToPrincipalPolicy(
    new iam.PolicyStatement({ actions: [...actions], resources: [bucket.arnForObjects("*")] }),
  );
}
