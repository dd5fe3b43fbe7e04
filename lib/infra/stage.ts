/** What differs between deployments, in one place: sizes, retention, what happens on removal. Everything else is the same code. */
import { streamRoom, VALKEY_NODES } from "./valkey-room.ts";

export interface Stage {
  readonly name: StageName;
  /** LocalStack's free tier has no ECS, RDS or network: the ingester runs on the host, Postgres beside it. */
  readonly reduced: boolean;
  /** Two of the region's zones by name, such as eu-central-1a; without them its first two. RDS Proxy is not in every zone. */
  readonly zones?: readonly [string, string];
  /** Where people read `docs/runbook.md`: an alarm's description links its section with it. `-c runbook=…` goes before. */
  readonly runbook: string;
  /** Relays in the order in which they are tried. */
  readonly relayUrls: readonly string[];
  /** What is kept, as `COLLECTIONS` takes it. What is filtered out meanwhile comes only with a replay. */
  readonly collections: readonly string[];
  readonly stream: {
    /** `-c stream=valkey` goes before. */
    readonly kind: "kinesis" | "valkey";
    /** Of Kinesis, as its retention. */
    readonly shards: number;
    /** Constant of a deployment: drain before you change it. Shards × parallelization never exceed it. */
    readonly lanes: number;
    readonly retentionHours: number;
  };
  /** In place of shards and retention, where the stream is Valkey. */
  readonly valkey: {
    /** Without `cache.`, as in `t4g.small`. How long its memory lasts is in `docs/operating.md`. */
    readonly node: string;
    /** Copies in another zone, one of which takes over in a minute or so; without any, a node that is replaced loses its memory, and the relay is read again. */
    readonly replicas: number;
    /** Who applies packs: the function, which a poller calls, or the process that reads the stream. */
    readonly indexing: "function" | "in-process";
    /** Tasks that read the stream: lanes are spread over them, and the others take over those of a dead one. */
    readonly readers: number;
    readonly cpuUnits: number;
    readonly memoryMiB: number;
  };
  readonly ingester: {
    /** 1024 are one vCPU. */
    readonly cpuUnits: number;
    readonly memoryMiB: number;
    /** A second task waits for the lease: back in 15 s instead of 90, for the price of one more task. */
    readonly standby: boolean;
  };
  readonly indexer: {
    readonly memoryMiB: number;
    readonly timeoutSeconds: number;
    /** Packs of one invocation at the most. */
    readonly batchPacks: number;
    /** Longer is cheaper, in calls as in statements, and adds to the time until a row is seen. */
    readonly batchingWindowSeconds: number;
    /** Invocations of one shard at a time. */
    readonly parallelization: number;
    /** After this a batch goes to the bucket. Finite attempts instead would send every batch of an outage there. */
    readonly maxRecordAgeHours: number;
  };
  readonly database: {
    /** Without `db.`, as in `t4g.medium`. */
    readonly instance: string;
    readonly allocatedGiB: number;
    readonly maxAllocatedGiB: number;
    readonly multiAz: boolean;
    /**
     * As far as a restore goes back. From three days ago the relay's 72 hours still lead to now; each day more keeps its log, 52 GB at 500
     * events/s.
     */
    readonly backupDays: number;
  };
  readonly logDays: 1 | 7 | 30;
  /** `keep` protects the database and keeps data when a stack is deleted; `destroy` leaves nothing. */
  readonly onRemoval: "keep" | "destroy";
}

export const STAGE_NAMES = ["development", "production", "localstack"] as const;
export type StageName = (typeof STAGE_NAMES)[number];

const DEVELOPMENT: Stage = {
  name: "development",
  reduced: false,
  runbook: "docs/runbook.md",
  relayUrls: ["wss://bsky.network"],
  collections: ["*"],
  stream: { kind: "kinesis", shards: 1, lanes: 8, retentionHours: 48 },
  valkey: {
    node: "t4g.micro",
    replicas: 0,
    indexing: "function",
    readers: 1,
    cpuUnits: 256,
    memoryMiB: 512,
  },
  ingester: { cpuUnits: 256, memoryMiB: 512, standby: false },
  indexer: {
    memoryMiB: 512,
    timeoutSeconds: 60,
    batchPacks: 100,
    batchingWindowSeconds: 5,
    parallelization: 2,
    maxRecordAgeHours: 36,
  },
  database: { instance: "t4g.small", allocatedGiB: 30, maxAllocatedGiB: 200, multiAz: false, backupDays: 1 },
  logDays: 7,
  onRemoval: "destroy",
};

export const STAGES: Readonly<Record<StageName, Stage>> = {
  development: DEVELOPMENT,
  production: {
    ...DEVELOPMENT,
    name: "production",
    relayUrls: ["wss://bsky.network"],
    stream: { kind: "kinesis", shards: 2, lanes: 8, retentionHours: 48 },
    valkey: { ...DEVELOPMENT.valkey, node: "t4g.small", replicas: 1 },
    ingester: { cpuUnits: 256, memoryMiB: 512, standby: false },
    database: { instance: "t4g.small", allocatedGiB: 50, maxAllocatedGiB: 6000, multiAz: false, backupDays: 3 },
    logDays: 30,
    onRemoval: "keep",
  },
  localstack: {
    ...DEVELOPMENT,
    name: "localstack",
    reduced: true,
    // `standpipe relay --replay` on the host: nothing of the world outside is needed.
    relayUrls: ["ws://127.0.0.1:2470"],
    indexer: { ...DEVELOPMENT.indexer, batchingWindowSeconds: 0 },
    logDays: 1,
  },
};

/** Of the function's time: it stops then and answers what it has not done (`STOP_BEFORE_END_MS` of `index-events`). */
export const STOP_BEFORE_END_SECONDS = 10;

/** A stage, or an option on the command line, that cannot work. */
export class StageError extends Error {
  override readonly name = "StageError";
}

/** @throws StageError with the names that there are. */
export function stageNamed(name: string): Stage {
  const known = STAGE_NAMES.find((stage) => stage === name);
  if (known === undefined) throw new StageError(`no stage ${name}: must be one of ${STAGE_NAMES.join(", ")}`);
  return STAGES[known];
}

/**
 * What no type can say, checked before anything is built.
 *
 * @throws StageError naming the numbers and the limit.
 */
export function checkStage(stage: Stage): void {
  const { stream, ingester, indexer, database } = stage;
  if (stream.kind === "valkey") checkValkey(stage);
  else checkKinesis(stage);
  refuse(
    database.maxAllocatedGiB <= database.allocatedGiB * 1.1,
    stage,
    `maxAllocatedGiB ${database.maxAllocatedGiB} must be more than 10 % above allocatedGiB ${database.allocatedGiB}: RDS refuses less`,
  );
  refuse(
    indexer.timeoutSeconds <= STOP_BEFORE_END_SECONDS,
    stage,
    `timeoutSeconds ${indexer.timeoutSeconds} of the indexer must be more than ${STOP_BEFORE_END_SECONDS}: so long before its end it stops and gives back what is left`,
  );
  checkTaskSize(stage, ingester);
}

function checkKinesis(stage: Stage): void {
  const { stream, indexer } = stage;
  const workers = workersOf(stage);
  refuse(
    workers > stream.lanes,
    stage,
    `${stream.shards} shards × parallelization ${indexer.parallelization} = ${workers} workers, more than ${stream.lanes} lanes: some would never have work`,
  );
  refuse(
    indexer.maxRecordAgeHours >= stream.retentionHours,
    stage,
    `maxRecordAgeHours ${indexer.maxRecordAgeHours} must be less than retentionHours ${stream.retentionHours}: records would vanish from the stream before they reach the bucket`,
  );
}

/** Of ElastiCache: five replicas of a primary ("Quotas", guide). */
const MOST_REPLICAS = 5;

function checkValkey(stage: Stage): void {
  const { valkey, ingester, stream } = stage;
  refuse(stage.reduced, stage, "stream valkey: LocalStack's free tier has no ElastiCache");
  refuse(
    ingester.standby,
    stage,
    "standby: true needs stream kinesis: with valkey nobody waits for a lease, and of two ingesters the newer one ends the older",
  );
  refuse(
    streamRoom(valkey.node) === undefined,
    stage,
    `valkey.node ${valkey.node}: must be one of ${VALKEY_NODES.join(", ")}, whose memory is known`,
  );
  refuse(
    !Number.isInteger(valkey.replicas) || valkey.replicas < 0 || valkey.replicas > MOST_REPLICAS,
    stage,
    `valkey.replicas ${valkey.replicas}: must be a whole number from 0 to ${MOST_REPLICAS}`,
  );
  refuse(
    !Number.isInteger(valkey.readers) || valkey.readers < 1 || valkey.readers > stream.lanes,
    stage,
    `valkey.readers ${valkey.readers}: must be from 1 to ${stream.lanes}, the lanes: others would never have work`,
  );
  checkTaskSize(stage, valkey);
}

/** Whether the process that reads the stream writes the rows, and no function is there. */
export function appliesInProcess({ stream, valkey }: Stage): boolean {
  return stream.kind === "valkey" && valkey.indexing === "in-process";
}

/** Batches that are worked at a time: each needs a connection to the database. */
export function workersOf({ stream, indexer }: Stage): number {
  return stream.kind === "valkey" ? stream.lanes : stream.shards * indexer.parallelization;
}

function checkTaskSize(stage: Stage, { cpuUnits, memoryMiB }: Pick<Stage["ingester"], "cpuUnits" | "memoryMiB">): void {
  const sizes = FARGATE_MEMORY_MIB[cpuUnits];
  refuse(sizes === undefined, stage, `cpuUnits ${cpuUnits}: Fargate has ${Object.keys(FARGATE_MEMORY_MIB).join(", ")}`);
  refuse(
    sizes?.includes(memoryMiB) === false,
    stage,
    `memoryMiB ${memoryMiB} with cpuUnits ${cpuUnits}: Fargate has ${sizes?.[0]} to ${sizes?.at(-1)} MiB for that, as ${sizes?.slice(0, 3).join(", ")}`,
  );
}

/** What Fargate has: for so many units of CPU the least and the most memory, and its steps ("Fargate task definition differences", ECS guide). */
const FARGATE_MEMORY_MIB: Readonly<Record<number, readonly number[]>> = {
  256: [512, 1024, 2048],
  512: steps(1024, 4096, 1024),
  1024: steps(2048, 8192, 1024),
  2048: steps(4096, 16_384, 1024),
  4096: steps(8192, 30_720, 1024),
  8192: steps(16_384, 61_440, 4096),
  16384: steps(32_768, 122_880, 8192),
};

function steps(least: number, most: number, step: number): readonly number[] {
  return Array.from({ length: (most - least) / step + 1 }, (_, index) => least + index * step);
}

function refuse(wrong: boolean, stage: Stage, reason: string): void {
  if (wrong) throw new StageError(`stage ${stage.name}: ${reason}`);
}
