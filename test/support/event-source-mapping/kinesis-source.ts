/** A stream of a Kinesis API server in, its shards as the mapping reads them out: from the beginning, polled as a standard iterator is. */
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
} from "@aws-sdk/client-kinesis";
import type { ShardSource } from "./port.ts";

export function createKinesisSource(options: {
  readonly client: KinesisClient;
  readonly streamName: string;
}): ShardSource {
  const { client, streamName } = options;
  return {
    async list() {
      const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: streamName }));
      return Shards.map(({ ShardId: shardId = "", ParentShardId, AdjacentParentShardId }) => ({
        shardId,
        // The server answers with null where AWS leaves them out.
        parentIds: [ParentShardId, AdjacentParentShardId].filter((id) => id !== undefined && id !== null),
      }));
    },
    async begin(shardId) {
      const { ShardIterator = "" } = await client.send(
        new GetShardIteratorCommand({ StreamName: streamName, ShardId: shardId, ShardIteratorType: "TRIM_HORIZON" }),
      );
      return ShardIterator;
    },
    async read(iterator) {
      const { Records = [], NextShardIterator } = await client.send(new GetRecordsCommand({ ShardIterator: iterator }));
      const records = Records.map(({ SequenceNumber, PartitionKey, Data, ApproximateArrivalTimestamp }) => ({
        sequenceNumber: SequenceNumber ?? "",
        partitionKey: PartitionKey ?? "",
        data: Data ?? new Uint8Array(),
        arrivedAtMs: ApproximateArrivalTimestamp?.getTime() ?? 0,
      }));
      return { records, next: NextShardIterator ?? null };
    },
  };
}
