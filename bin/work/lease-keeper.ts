/** Keeps a worker's leases: says that it lives, takes what is free or dead, gives back what is more than its share. */
import { planLeases } from "../../lib/core/lease-plan.ts";
import type { LeaseBoard, StreamLease, StreamLeases } from "../../lib/store/stream-leases.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import type { Log } from "../../lib/telemetry/port.ts";
import { pause } from "../unified/pause.ts";

/** Another worker has taken what this one held: it was thought dead, and must not go on. */
export class WorkerReplacedError extends Error {
  override readonly name = "WorkerReplacedError";
}

/** A stream that this worker reads. */
export interface HeldStream {
  /** Resolves when nothing of it is in hand any more. */
  stop(): Promise<void>;
  /** Reads no more, and leaves what is in hand to whoever reads it now. */
  abandon(): void;
}

export interface LeaseKeeperOptions {
  readonly leases: StreamLeases;
  readonly streams: readonly string[];
  /** As in `leases`. */
  readonly owner: string;
  /** Begins to read. */
  readonly start: (lease: Pick<StreamLease, "stream" | "fence">) => Promise<HeldStream>;
  /** Told when the leases were certain: before the beat that they were looked at with. Monotonic milliseconds. */
  readonly onCertain: (atMs: number) => void;
  /** Told which names are ours in the streams' groups. */
  readonly onNames: (names: ReadonlySet<string>) => void;
  /** Told who holds everything while this worker has nothing, and null when it has something. */
  readonly onStandby: (holder: string | null) => void;
  readonly waits: LeaseWaits;
  readonly log: Log;
}

/** Milliseconds. */
export interface LeaseWaits {
  readonly beatEveryMs: number;
  /** A worker whose beat stands still for so long, by the clock of who looks, is dead. */
  readonly deadAfterMs: number;
  /** So long after a beat the leases are still this worker's: below the above, for what is on its way. */
  readonly certainForMs: number;
}

/** `waitShare`: 1 is the usual. */
export function leaseWaits(waitShare: number): LeaseWaits {
  return { beatEveryMs: 1_000 * waitShare, deadAfterMs: 6_000 * waitShare, certainForMs: 4_000 * waitShare };
}

/** Runs until the signal aborts, and gives back everything then. Rejects with WorkerReplacedError, and with what `start` rejects with. */
export async function keepLeases(options: LeaseKeeperOptions, signal: AbortSignal): Promise<void> {
  const keeper = new LeaseKeeper(options);
  try {
    while (!signal.aborted) {
      await keeper.turn();
      await pause(options.waits.beatEveryMs, signal);
    }
  } catch (error) {
    // What is in hand under a lease that is lost is refused for ever: it must not be waited for.
    await keeper.abandon();
    throw error;
  }
  await keeper.leave();
}

interface Held {
  readonly fence: number;
  readonly stream: HeldStream;
}

class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #held = new Map<string, Held>();
  /** By owner: the newest beat, and when it was first seen, monotonic milliseconds. */
  readonly #beats = new Map<string, { readonly beat: number; readonly sinceMs: number }>();
  /** Streams that are brought to an end for another worker: theirs may take long, and the beat goes on meanwhile. */
  readonly #giving = new Set<string>();
  #fault: { readonly error: unknown } | null = null;
  #isPrepared = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** A database that is away changes nothing: what is held stays in hand, and its batches say whether they may still be written. */
  async turn(): Promise<void> {
    const { leases, streams, log } = this.#options;
    if (this.#fault !== null) throw this.#fault.error;
    let board: LeaseBoard;
    const beganAtMs = performance.now();
    try {
      if (!this.#isPrepared) await leases.prepare(streams);
      this.#isPrepared = true;
      await leases.beat();
      board = await leases.board(streams);
    } catch (error) {
      log.debug("the leases cannot be looked at", { error: errorLine(error) });
      return;
    }
    this.#checkHeld(board);
    this.#options.onCertain(beganAtMs);
    await this.#follow(board);
  }

  async leave(): Promise<void> {
    await Promise.all([...this.#held.values()].map(({ stream }) => stream.stop()));
    this.#held.clear();
    await this.#options.leases.leave().catch(() => undefined);
  }

  async abandon(): Promise<void> {
    for (const { stream } of this.#held.values()) stream.abandon();
    this.#held.clear();
    await this.#options.leases.leave().catch(() => undefined);
  }

  #checkHeld({ leases }: LeaseBoard): void {
    for (const [stream, { fence }] of this.#held) {
      const lease = leases.find((each) => each.stream === stream);
      if (lease?.fence === fence && lease.owner === this.#options.owner) continue;
      throw new WorkerReplacedError(
        `another worker has taken over ${stream}: this one was not heard of for ${this.#options.waits.deadAfterMs / 1000} s`,
      );
    }
  }

  async #follow(board: LeaseBoard): Promise<void> {
    const { leases, owner, onNames } = this.#options;
    onNames(new Set(board.workers.map(({ name }) => name)));
    await this.#returnOrphans(board);
    const plan = planLeases(board.leases, { me: owner, alive: this.#alive(board) });
    for (const stream of plan.give) this.#give(stream);
    for (const stream of plan.take) {
      const lease = board.leases.find((each) => each.stream === stream);
      const fence = lease === undefined ? null : await leases.take(lease).catch(() => null);
      if (fence !== null) await this.#begin({ stream, fence });
    }
    this.#tellStandby(board);
  }

  async #begin(lease: Pick<StreamLease, "stream" | "fence">): Promise<void> {
    this.#options.log.info("reading a stream", { stream: lease.stream, fence: lease.fence });
    this.#held.set(lease.stream, { fence: lease.fence, stream: await this.#options.start(lease) });
  }

  /** What was brought to an end, and could not be given back then: nobody would read it any more. */
  async #returnOrphans(board: LeaseBoard): Promise<void> {
    const { leases, owner } = this.#options;
    for (const { stream, fence, owner: holder } of board.leases) {
      const isOrphan = holder === owner && !this.#held.has(stream) && !this.#giving.has(stream);
      if (isOrphan) await leases.give({ stream, fence }).catch(() => undefined);
    }
  }

  #give(stream: string): void {
    const held = this.#held.get(stream);
    if (held === undefined || this.#giving.has(stream)) return;
    this.#giving.add(stream);
    this.#options.log.info("giving a stream to another worker", { stream });
    const given = async (): Promise<void> => {
      await held.stream.stop();
      this.#held.delete(stream);
      await this.#options.leases.give({ stream, fence: held.fence }).catch(() => undefined);
    };
    given().then(
      () => this.#giving.delete(stream),
      (error: unknown) => {
        this.#fault = { error };
      },
    );
  }

  #alive({ workers }: LeaseBoard): ReadonlySet<string> {
    const nowMs = performance.now();
    for (const { owner, beat } of workers) {
      if (this.#beats.get(owner)?.beat !== beat) this.#beats.set(owner, { beat, sinceMs: nowMs });
    }
    const known = workers.filter(
      ({ owner }) => nowMs - (this.#beats.get(owner)?.sinceMs ?? 0) < this.#options.waits.deadAfterMs,
    );
    return new Set(known.map(({ owner }) => owner));
  }

  #tellStandby({ leases, workers }: LeaseBoard): void {
    const { onStandby, owner } = this.#options;
    if (this.#held.size > 0) return onStandby(null);
    const holder = leases.find((lease) => lease.owner !== null && lease.owner !== owner)?.owner;
    if (holder === undefined) return;
    onStandby(workers.find((worker) => worker.owner === holder)?.name ?? "another worker");
  }
}
