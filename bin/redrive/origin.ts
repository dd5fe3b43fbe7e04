/** The text of `--from` in, the place that it names out. */
import { ConfigurationError, shownValue } from "../../lib/config/configuration-error.ts";

export type Origin =
  | { readonly kind: "bucket"; readonly bucket: string; readonly prefix: string }
  | { readonly kind: "folder"; readonly folder: string };

const BUCKET_ADDRESS = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s;

/** Without a text the bucket of the deployment. @throws ConfigurationError where neither names anything. */
export function readOrigin(from: string | undefined, { bucket }: { readonly bucket: string | null }): Origin {
  if (from === undefined) {
    if (bucket !== null) return { kind: "bucket", bucket, prefix: "" };
    throw new ConfigurationError("redrive: say where the batches are: --from s3://BUCKET/PREFIX or --from FOLDER");
  }
  const [, named, prefix = ""] = BUCKET_ADDRESS.exec(from) ?? [];
  if (named !== undefined) return { kind: "bucket", bucket: named, prefix };
  if (from.trim() === "" || /^[a-z][a-z0-9+.-]*:\/\//i.test(from)) {
    throw new ConfigurationError(`--from ${shownValue(from)}: must be s3://BUCKET, s3://BUCKET/PREFIX or a folder`);
  }
  return { kind: "folder", folder: from };
}

/** As a person would write it. */
export function originText(origin: Origin): string {
  return origin.kind === "bucket" ? `s3://${origin.bucket}/${origin.prefix}` : origin.folder;
}
