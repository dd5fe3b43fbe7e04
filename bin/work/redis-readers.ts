/** A lease in, the stream that it is for read into the process' queue: one reader each, put together. */
import { LanesChangedError } from "../../lib/checkpoint/port.ts";
import type { Settings } from "../../lib/config/processes.ts";
import type { RedisSettings } from "../../lib/config/redis-settings.ts";
import { type ConsumeOptions } from "../../lib/consume/consume.ts";
import { keepLetter } from "../../lib/consume/keep-letter.ts";
import { recordLetter } from "../../lib/core/dead-letter.ts";
import type { DeadLetter } from "../../lib/core/row-change.ts";
import { parseRelayAddress } from "../../lib/firehose/websocket/relay-address.ts";
import { StoreError } from "../../lib/store/port.ts";
import type { StreamLeases } from "../../lib/store/stream-leases.ts";
import type { PackWriter } from "../../lib/stream/port.ts";
import { createRedisClient, type RedisClient } from "../../lib/stream/redis/client.ts";
import { streamKeys } from "../../lib/stream/redis/entry-form.ts";
import {
  createEstablishedPacker,
  createPackPacker,
  type EntryGroup,
  type EntryPacker,
  LanesDifferError,
  type UnreadableEntry,
} from "../../lib/stream/redis/entry-packs.ts";
import { MAX_WAITING_BYTES, READ_ENTRIES, READ_PACKS } from "../../lib/stream/redis/limits.ts";
import { createRedisReader, type RedisReader } from "../../lib/stream/redis/reader.ts";
import { WaitingBytes } from "../../lib/stream/redis/waiting-bytes.ts";
import { redisWaits } from "../../lib/stream/redis/waits.ts";
import type { LongLivedProcess } from "../unified/process.ts";
import { retried } from "../unified/retry.ts";
import { type HeldStream, leaseWaits } from "./lease-keeper.ts";

type ReaderSettings = Pick<
  Settings<"work">,
  "CONSUMER_ID" | "LANES" | "RELAY_URL" | "REDIS_MAX_DELIVERIES" | "REDIS_DEAD_LETTER_MAXLEN"
>;

export interface RedisReadersOptions {
  readonly surroundings: LongLivedProcess;
  readonly settings: ReaderSettings;
  readonly redis: RedisSettings;
  readonly leases: StreamLeases;
  readonly queue: PackWriter;
  readonly consume: ConsumeOptions;
  /** Ends the keeping of what cannot be read. */
  readonly stop: AbortSignal;
  /** A reader has failed for good. */
  readonly onFault: (fault: unknown) => void;
  readonly onPacks: (groups: readonly EntryGroup[]) => void;
}

export interface RedisReaders extends Disposable {
  /** For commands that answer at once. */
  readonly client: RedisClient;
  /** The streams that there are leases for. */
  readonly streams: readonly string[];
  start(lease: { readonly stream: string; readonly fence: number }): Promise<HeldStream>;
  /** Of events that became dead letters while they were applied. */
  noteDead(letters: readonly DeadLetter[]): void;
  nameOurs(names: ReadonlySet<string>): void;
  /** The leases were certain then, monotonic milliseconds: nothing is read for longer than that lasts. */
  noteCertain(atMs: number): void;
  /** Why something cannot be read; null where all can. */
  trouble(): string | null;
  readonly waitingBytes: number;
}

export function createRedisReaders(options: RedisReadersOptions): RedisReaders {
  const { surroundings, settings, redis } = options;
  const streams = streamKeys(redis, settings.LANES);
  /** A stream whose packs cannot be applied fills its own share, and holds up no other. */
  const waiting = new Map<string, WaitingBytes>();
  const readers = new Map<string, RedisReader>();
  const troubles = new Map<string, string>();
  let names: ReadonlySet<string> = new Set();
  const waits = redisWaits(surroundings.waitShare);
  const { certainForMs } = leaseWaits(surroundings.waitShare);
  let certainAtMs = Number.NEGATIVE_INFINITY;
  const tell = (place: string) => (trouble: string | null) => {
    if (trouble === null) troubles.delete(place);
    else troubles.set(place, trouble);
  };
  const client = createRedisClient({ url: redis.url, name: "standpipe-work", waits, onTrouble: tell("") });
  return {
    client,
    streams,
    async start({ stream, fence }) {
      const stopping = new AbortController();
      const ownWaiting = new WaitingBytes(MAX_WAITING_BYTES / streams.length);
      waiting.set(stream, ownWaiting);
      const blocking = createRedisClient({ url: redis.url, name: "standpipe-work-read", waits });
      const reader = createRedisReader({
        client,
        blocking,
        key: stream,
        group: redis.group,
        consumer: settings.CONSUMER_ID,
        packer: await openPacker(options, { stream, fence }),
        readCount: redis.format === "packs" ? READ_PACKS : READ_ENTRIES,
        queue: options.queue,
        waiting: ownWaiting,
        mayRead: () => performance.now() - certainAtMs < certainForMs,
        isOurs: (name) => names.has(name),
        keepUnreadable: (entry) => keepUnreadable(entry, options),
        maxDeadLetters: settings.REDIS_DEAD_LETTER_MAXLEN,
        waits,
        telemetry: surroundings.telemetry,
        random: Math.random,
        onEntries: options.onPacks,
        onTrouble: tell(stream),
      });
      readers.set(stream, reader);
      const running = reader.run(stopping.signal).catch((error: unknown) => options.onFault(explain(error, settings)));
      return {
        async stop() {
          stopping.abort();
          await running;
          await reader.settled();
          await reader.leave();
          readers.delete(stream);
          troubles.delete(stream);
          blocking.disconnect();
        },
        abandon() {
          stopping.abort();
          blocking.disconnect();
        },
      };
    },
    noteDead(letters) {
      // A pack has no form that established tools could show.
      if (redis.format === "packs") return;
      for (const { seq } of letters) {
        if (seq === null) continue;
        for (const reader of readers.values()) reader.noteDead(seq);
      }
    },
    nameOurs(ours) {
      names = ours;
    },
    noteCertain(atMs) {
      certainAtMs = atMs;
    },
    trouble: () => troubles.values().next().value ?? null,
    get waitingBytes() {
      return waiting.values().reduce((sum, { bytes }) => sum + bytes, 0);
    },
    [Symbol.dispose]() {
      client.disconnect();
    },
  };
}

/** The places are read before anything is claimed: they say what of it is a repeat. */
async function openPacker(
  { leases, settings, redis, surroundings, stop }: RedisReadersOptions,
  { stream, fence }: { readonly stream: string; readonly fence: number },
): Promise<EntryPacker> {
  const places = await retried(() => leases.places(stream), {
    signal: stop,
    worthRetrying: () => true,
    onRetry: (error) => surroundings.telemetry.log.warn("the places cannot be read yet", { error: String(error) }),
  });
  const common = { stream, fence, lanes: settings.LANES, places, maxDeliveries: settings.REDIS_MAX_DELIVERIES };
  const defaultRelay = parseRelayAddress(settings.RELAY_URL[0] ?? "").host;
  return redis.format === "packs" ? createPackPacker(common) : createEstablishedPacker({ ...common, defaultRelay });
}

async function keepUnreadable(
  { id, bytes, detail }: UnreadableEntry,
  { consume, surroundings, stop }: RedisReadersOptions,
): Promise<void> {
  const letter = recordLetter(bytes, null, { reason: "unreadable-pack", detail });
  await retried(() => keepLetter(letter, { ...consume, packs: [], countLane: 0 }), {
    signal: stop,
    worthRetrying: (error) => error instanceof StoreError && error.kind === "transient",
    onRetry: () => undefined,
  });
  surroundings.telemetry.log.error("an entry could not be read and is kept as a dead letter", { id, error: detail });
}

function explain(error: unknown, { LANES }: ReaderSettings): unknown {
  return error instanceof LanesDifferError
    ? new LanesChangedError({
        stored: error.stored,
        given: LANES,
        mend: `the packs in the stream were written with LANES=${error.stored}: set both to the same number (drain the stream before you change it)`,
      })
    : error;
}
