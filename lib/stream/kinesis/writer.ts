/** Packs in, records of a Kinesis stream out: in order within each lane, durable when `append` resolves. */
import type { KinesisClient } from "@aws-sdk/client-kinesis";
import type { Gap } from "../../core/cursor.ts";
import { encodeGap } from "../../core/gap-record.ts";
import type { Pack, PackHeader } from "../../core/pack.ts";
import type { Telemetry } from "../../telemetry/port.ts";
import type { PackWriter } from "../port.ts";
import { backoffMs, pause, untilAborted } from "./backoff.ts";
import { KinesisClosedError } from "./errors.ts";
import { type FittedPack, fitRecords } from "./fit-records.ts";
import { GAP_LANE, laneKeys } from "./lane-keys.ts";
import type { LargePackStore } from "./large-packs.ts";
import { MAX_RECORD_BYTES } from "./limits.ts";
import { encodePackReference } from "./pack-reference.ts";
import { failureOf, PutCalls, type PutOutcome } from "./put-calls.ts";
import { Trouble } from "./trouble.ts";

/** Whether this process may send. Kinesis cannot refuse a writer that was replaced: it has to hold back by itself. */
export interface WriteGuard {
  holds(): boolean;
  /** Resolves when it may send (again); rejects when another process has taken over. */
  held(): Promise<void>;
}

export interface KinesisWriterOptions {
  readonly client: KinesisClient;
  readonly streamName: string;
  /** For single events that no record can hold. */
  readonly largePacks: LargePackStore;
  readonly guard: WriteGuard;
  readonly telemetry: Telemetry;
  /** Of the usual waits; 1 where it is not given. */
  readonly waitShare?: number;
  /** A random number in [0, 1), for the jitter of the waits. */
  readonly random: () => number;
  /** Told why the stream takes nothing, in one line, and null when it does again. */
  readonly onTrouble: (trouble: string | null) => void;
}

/** Disposing rejects every append that is not durable yet, and cuts the calls under way. */
export interface KinesisWriter extends PackWriter, Disposable {
  /** Resolves once the gap is durable in the stream, behind what was appended to its lane before. Rejects as `append` does. */
  recordGap(gap: Gap, options: { readonly lanes: number }): Promise<void>;
  /** Takes no more packs; those under way go on. */
  close(): void;
}

export function createKinesisWriter(options: KinesisWriterOptions): KinesisWriter {
  return new LaneOrderedWriter(options);
}

/** Of a lane that nothing was appended to yet: fences begin with 1. */
const NO_FENCE = 0;

interface Lane {
  /** Settles when everything appended before has. */
  tail: Promise<void>;
  fence: number;
  /** Packs that became several so far under this fence: the numbers of later ones move on by as much. */
  extraPacks: number;
}

class LaneOrderedWriter implements KinesisWriter {
  readonly #options: KinesisWriterOptions;
  readonly #lanes = new Map<number, Lane>();
  readonly #calls: PutCalls;
  readonly #trouble: Trouble;
  readonly #disposing = new AbortController();
  #isClosed = false;

  constructor(options: KinesisWriterOptions) {
    const { client, streamName, telemetry, onTrouble } = options;
    const { signal } = this.#disposing;
    this.#options = options;
    this.#calls = new PutCalls({ client, streamName, permit: () => this.#permit(), telemetry, signal });
    this.#trouble = new Trouble({ telemetry, onTrouble, nowMs: () => performance.now() });
  }

  append(pack: Pack): Promise<void> {
    if (this.#isClosed) return Promise.reject(new KinesisClosedError());
    const lane = this.#laneOf(pack.header);
    return this.#inTurn(lane, () => this.#send(pack, lane));
  }

  recordGap(gap: Gap, { lanes }: { readonly lanes: number }): Promise<void> {
    if (this.#isClosed) return Promise.reject(new KinesisClosedError());
    const record = { keys: laneKeys({ lane: GAP_LANE, lanes }), data: encodeGap(gap) };
    const lane = this.#lanes.get(GAP_LANE) ?? this.#laneOf({ lane: GAP_LANE, fence: NO_FENCE });
    return this.#inTurn(lane, () => this.#untilDone(GAP_LANE, () => this.#calls.put(record)));
  }

  /** A record that is refused for good leaves the lane refused: none may overtake it. */
  #inTurn(lane: Lane, work: () => Promise<void>): Promise<void> {
    const done = lane.tail.then(work);
    lane.tail = done;
    done.catch(() => undefined);
    return done;
  }

  close(): void {
    this.#isClosed = true;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#disposing.abort(new KinesisClosedError());
  }

  #laneOf({ lane: number, fence }: Pick<PackHeader, "lane" | "fence">): Lane {
    const known = this.#lanes.get(number);
    if (known?.fence === fence) return known;
    const lane: Lane = { tail: known?.tail ?? Promise.resolve(), fence, extraPacks: 0 };
    this.#lanes.set(number, lane);
    return lane;
  }

  async #send(pack: Pack, lane: Lane): Promise<void> {
    const keys = laneKeys(pack.header);
    const fitted = fitRecords(pack, {
      firstNumber: pack.header.number + lane.extraPacks,
      maxBytes: MAX_RECORD_BYTES - keys.partitionKey.length,
    });
    lane.extraPacks += fitted.length - 1;
    if (fitted.length > 1) this.#options.telemetry.count("split_packs_total");
    for (const part of fitted) {
      const data = part.fits ? part.bytes : await this.#storeApart(part);
      await this.#untilDone(pack.header.lane, () => this.#calls.put({ keys, data }));
    }
  }

  /** To S3, and the bytes of the reference that takes its place in the lane. */
  async #storeApart({ pack, bytes }: FittedPack): Promise<Uint8Array> {
    const { largePacks, telemetry } = this.#options;
    const { lane, firstSeq } = pack.header;
    const reference = Promise.withResolvers<Uint8Array>();
    await this.#untilDone(lane, async () => {
      await this.#permit();
      try {
        reference.resolve(encodePackReference(await largePacks.put(pack.header, bytes)));
        return { ok: true };
      } catch (error) {
        return failureOf(error);
      }
    });
    telemetry.count("large_packs_total");
    telemetry.log.info("an event is too large for a record: it lies in the bucket", { lane, seq: firstSeq });
    return reference.promise;
  }

  /** Again and again, without limit: nothing of the lane goes on before. Rejects when disposed of, and as the guard does. */
  async #untilDone(lane: number, attempt: () => Promise<PutOutcome>): Promise<void> {
    const { signal } = this.#disposing;
    for (;;) {
      signal.throwIfAborted();
      const outcome = await attempt();
      if (outcome.ok) {
        this.#trouble.succeeded(lane);
        return;
      }
      signal.throwIfAborted();
      const { random, waitShare = 1 } = this.#options;
      await pause(backoffMs(this.#trouble.failed(lane, outcome), random) * waitShare, signal);
    }
  }

  /** Looks again after each wait: a lease can be old again by the time that its renewal is heard of. */
  async #permit(): Promise<void> {
    const { guard } = this.#options;
    const { signal } = this.#disposing;
    while (!guard.holds()) await untilAborted(guard.held(), signal);
  }
}
