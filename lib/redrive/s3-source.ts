/** A bucket and a prefix in, the failed batches under it out. What is on the stream again is deleted. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  NoSuchBucket,
  NoSuchKey,
  paginateListObjectsV2,
  type S3Client,
} from "@aws-sdk/client-s3";
import { RedriveSourceError } from "./errors.ts";
import { type NamedBatch, oldestFirst } from "./oldest-first.ts";
import type { BatchSource } from "./port.ts";

export interface S3SourceOptions {
  readonly client: S3Client;
  readonly bucket: string;
  /** What the names begin with; empty: all of them. */
  readonly prefix: string;
}

/** `list` rejects with a RedriveSourceError where there is no such bucket; all of it as S3 does. */
export function createS3Source({ client, bucket, prefix }: S3SourceOptions): BatchSource {
  return {
    async list() {
      const found: NamedBatch[] = [];
      try {
        for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
          for (const { Key: name, LastModified } of Contents) {
            if (name !== undefined) found.push({ name, writtenAtMs: LastModified?.getTime() ?? 0 });
          }
        }
      } catch (cause) {
        if (!(cause instanceof NoSuchBucket)) throw cause;
        throw new RedriveSourceError(`--from s3://${bucket}: there is no such bucket`, { cause });
      }
      return oldestFirst(found);
    },
    async read(name) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: name }));
        return (await Body?.transformToByteArray()) ?? new Uint8Array();
      } catch (error) {
        if (error instanceof NoSuchKey) return null;
        throw error;
      }
    },
    async settle(name) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: name }));
    },
  };
}
