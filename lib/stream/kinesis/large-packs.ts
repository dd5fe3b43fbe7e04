/** Packs that no record can hold, as objects in S3. */
import { createHash } from "node:crypto";
import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { decodePack, type PackHeader, type PackResult } from "../../core/pack.ts";
import type { PackReference } from "./pack-reference.ts";

/** Everything of ours in the bucket is under it: rights and a rule that deletes old objects are given for it. */
export const LARGE_PACKS_PREFIX = "large-packs/";

export interface LargePackStore {
  /** Resolves when it is durable, with where it lies. The same pack again is the same object. Rejects as S3 does. */
  put(header: PackHeader, bytes: Uint8Array): Promise<PackReference>;
}

export function createLargePackStore(options: { readonly client: S3Client; readonly bucket: string }): LargePackStore {
  const { client, bucket } = options;
  return {
    async put(header, bytes) {
      const digest = createHash("sha256").update(bytes).digest();
      const { lane, fence, number } = header;
      const key = `${LARGE_PACKS_PREFIX}${lane}/${fence}-${number}-${digest.toString("hex").slice(0, 16)}.spk`;
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }));
      return { header, key, digest, byteLength: bytes.length };
    },
  };
}

export type LargePackResult = PackResult | { readonly ok: false; readonly reason: "missing-object" | "wrong-object" };

/**
 * The pack behind a reference. `missing-object`: it was deleted, which no retry mends; `wrong-object`: other bytes than were written.
 * Rejects as S3 does where it is away.
 */
export async function fetchLargePack(
  reference: PackReference,
  options: { readonly client: S3Client; readonly bucket: string },
): Promise<LargePackResult> {
  const { key, digest, byteLength } = reference;
  if (!key.startsWith(LARGE_PACKS_PREFIX)) return { ok: false, reason: "wrong-object" };
  try {
    const { Body } = await options.client.send(new GetObjectCommand({ Bucket: options.bucket, Key: key }));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    const isSame = bytes.length === byteLength && createHash("sha256").update(bytes).digest().equals(digest);
    return isSame ? decodePack(bytes) : { ok: false, reason: "wrong-object" };
  } catch (error) {
    if (error instanceof NoSuchKey) return { ok: false, reason: "missing-object" };
    throw error;
  }
}
