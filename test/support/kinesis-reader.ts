/** A Kinesis stream read from its beginning, as a reader in order of shards has to: a shard before its descendants. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  type Shard,
} from "@aws-sdk/client-kinesis";
import type { S3Client } from "@aws-sdk/client-s3";
import type { Gap } from "../../lib/core/cursor.ts";
import type { Pack } from "../../lib/core/pack.ts";
import { fetchLargePack } from "../../lib/stream/kinesis/large-packs.ts";
import { readRecord } from "../../lib/stream/kinesis/read-record.ts";

export interface ReadRecord {
  readonly shardId: string;
  readonly partitionKey: string;
  readonly data: Uint8Array;
  readonly pack: Pack;
}

export interface ReaderOptions {
  readonly client: KinesisClient;
  readonly streamName: string;
  /** Only what came into the stream at this time or later; otherwise all of it. */
  readonly from?: Date;
  /** For packs that no record could hold. */
  readonly large?: { readonly client: S3Client; readonly bucket: string };
}

const POLL_EVERY_MS = 20;
/** kinesis-local answers with nothing only where there is nothing; a second look costs little. */
const EMPTY_LOOKS = 2;

/** One shard, from where it was left. */
interface Place {
  iterator: string | undefined;
  isOver: boolean;
}

/** `next` gives what is new since the last call, in order; an empty list where nothing is. */
export interface KinesisReader {
  /** Those found so far, which are no packs. */
  readonly gaps: readonly Gap[];
  next(): Promise<ReadRecord[]>;
  /** Looks again and again until so many records in all have been read, then gives those. */
  until(count: number, limitMs?: number): Promise<ReadRecord[]>;
  /** Everything that there is. */
  all(): Promise<ReadRecord[]>;
}

export function createKinesisReader(options: ReaderOptions): KinesisReader {
  const { client, streamName } = options;
  const places = new Map<string, Place>();
  const gaps: Gap[] = [];
  const readShard = async (shardId: string): Promise<ReadRecord[]> => {
    const place = places.get(shardId) ?? { iterator: await firstIterator(options, shardId), isOver: false };
    places.set(shardId, place);
    const found: ReadRecord[] = [];
    while (!place.isOver) {
      const { Records = [], NextShardIterator } = await client.send(
        new GetRecordsCommand({ ShardIterator: place.iterator }),
      );
      place.iterator = NextShardIterator;
      place.isOver = NextShardIterator === undefined || NextShardIterator === null;
      for (const { Data: data = new Uint8Array(), PartitionKey: partitionKey = "" } of Records) {
        const content = await contentOf(data, options);
        if ("header" in content) found.push({ shardId, partitionKey, data, pack: content });
        else gaps.push(content);
      }
      if (Records.length === 0) break;
    }
    return found;
  };
  const next = async (): Promise<ReadRecord[]> => {
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: streamName }));
    const found: ReadRecord[] = [];
    for (const shard of parentsFirst(Shards)) {
      const parents = [shard.ParentShardId, shard.AdjacentParentShardId].filter(
        (id) => id !== undefined && id !== null,
      );
      if (parents.some((id) => places.get(id)?.isOver === false)) continue;
      found.push(...(await readShard(shard.ShardId ?? "")));
    }
    return found;
  };
  return {
    gaps,
    next,
    async until(count, limitMs = 30_000) {
      const found: ReadRecord[] = [];
      for (const end = performance.now() + limitMs; found.length < count; await sleep(POLL_EVERY_MS)) {
        found.push(...(await next()));
        if (performance.now() > end) throw new Error(`${found.length} of ${count} records after ${limitMs} ms`);
      }
      return found;
    },
    async all() {
      const found: ReadRecord[] = [];
      for (let empty = 0; empty < EMPTY_LOOKS; ) {
        const records = await next();
        found.push(...records);
        empty = records.length === 0 ? empty + 1 : 0;
      }
      return found;
    },
  };
}

/** Shards are numbered in the order of their making, so that parents come before children. */
function parentsFirst(shards: readonly Shard[]): readonly Shard[] {
  return shards.toSorted((a, b) => ((a.ShardId ?? "") < (b.ShardId ?? "") ? -1 : 1));
}

async function firstIterator(
  { client, streamName, from }: ReaderOptions,
  shardId: string,
): Promise<string | undefined> {
  const place =
    from === undefined
      ? ({ ShardIteratorType: "TRIM_HORIZON" } as const)
      : ({ ShardIteratorType: "AT_TIMESTAMP", Timestamp: from } as const);
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({ StreamName: streamName, ShardId: shardId, ...place }),
  );
  return ShardIterator;
}

async function contentOf(data: Uint8Array, { large }: ReaderOptions): Promise<Pack | Gap> {
  const record = readRecord(data);
  if (!record.ok) throw new Error(`a record cannot be read: ${record.reason} at ${record.offset}`);
  if (record.kind === "pack") return record.pack;
  if (record.kind === "gap") return record.gap;
  if (large === undefined) throw new Error("a record refers to the bucket");
  const result = await fetchLargePack(record.reference, large);
  if (!result.ok) throw new Error(`a large pack cannot be read: ${result.reason}`);
  return result.pack;
}
