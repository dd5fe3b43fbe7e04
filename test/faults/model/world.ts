/** Our own ingest and consume between a relay, a stream, a checkpoint and a database that a schedule has in its hand. */
import { setImmediate as turn } from "node:timers/promises";
import type { Checkpoint } from "../../../lib/checkpoint/port.ts";
import { consume } from "../../../lib/consume/consume.ts";
import type { SavedCursor } from "../../../lib/core/cursor.ts";
import type { FirehoseEvent } from "../../../lib/core/event.ts";
import { type Pack, readPack } from "../../../lib/core/pack.ts";
import { createIngest, type Ingest } from "../../../lib/ingest/ingest.ts";
import { StoreError } from "../../../lib/store/port.ts";
import type { PackWriter } from "../../../lib/stream/port.ts";
import { TestTelemetry } from "../../support/ingest-doubles.ts";
import { Death, MemoryDatabase, type Trouble } from "./memory-database.ts";
import type { NetworkEnd } from "./network.ts";
import { LANES, type Step } from "./steps.ts";

const RELAY = "relay.test";
/** Never by itself: the schedule says when. */
const NEVER_MS = 2_000_000_000;
const SAVE_EVERY_MS = 1_000;
/** What a run comes to an end in, however often something kills it. */
const MOST_ROUNDS = 1_000;

interface Put {
  readonly pack: Pack;
  readonly resolve: () => void;
}

/** An ingester's process. */
interface Ingester {
  readonly ingest: Ingest;
  /** Of each lane the pack on its way. */
  readonly puts: Map<number, Put>;
  /** Index of the next event that the relay sends to it. */
  next: number;
}

/** Moves the clock of the ingesters' timers on. */
export type PassTime = (ms: number) => void;

export class World implements AsyncDisposable {
  readonly database = new MemoryDatabase();
  readonly #events: readonly FirehoseEvent[];
  readonly #passTime: PassTime;
  readonly #checkpoint = new MemoryCheckpoint();
  /** By lane, in the order in which they arrived. */
  readonly #stream: Pack[][] = Array.from({ length: LANES }, () => []);
  /** By lane: how many of them have been acknowledged. */
  readonly #acknowledged: number[] = Array.from({ length: LANES }, () => 0);
  readonly #durableSeqs = new Set<number>();
  readonly #late: Put[] = [];
  readonly #bucket: Pack[] = [];
  #ingester: Ingester | null = null;
  /** A pack was taken out of the stream: then a jump in the numbers is right. */
  #hasHoles = false;
  #consumers = 0;
  #lowest = 0;

  constructor(events: readonly FirehoseEvent[], passTime: PassTime) {
    this.#events = events;
    this.#passTime = passTime;
  }

  async step(step: Step): Promise<void> {
    switch (step.kind) {
      case "deliver":
        await this.#deliver(step.events);
        break;
      case "flush":
        void (await this.#living()).ingest.flush(new AbortController().signal).catch(() => undefined);
        break;
      case "put":
        this.#put(step.lane, step.isAnswered);
        break;
      case "save":
        this.#passTime(SAVE_EVERY_MS);
        break;
      case "checkpoint-away":
        this.#checkpoint.isAway = step.isAway;
        break;
      case "kill-ingester":
        await this.#killIngester();
        break;
      case "take-over": {
        const old = this.#ingester;
        this.#ingester = null;
        await this.#living();
        // It lives until it hears of it; what it has sent arrives when it arrives.
        if (old !== null) await this.#leave(old);
        break;
      }
      case "late-put":
        this.#arrive(this.#late.splice(step.at, 1)[0]);
        break;
      case "consume":
        await this.#consumeLane(step.lane, step.packs, troubleAfter(step.after, step.how));
        break;
      case "consume-two":
        await this.#consume(
          [0, 1].flatMap((lane) => this.#nextOf(lane, step.packs)),
          () => null,
        );
        break;
      case "replay": {
        const applied = this.#stream[step.lane]?.slice(0, this.#acknowledged[step.lane]) ?? [];
        const from = Math.max(0, applied.length - step.back);
        await this.#consume(applied.slice(from, from + step.packs), () => null);
        break;
      }
      case "to-bucket": {
        const [pack] = this.#nextOf(step.lane, 1);
        if (pack === undefined) break;
        this.#bucket.push(pack);
        this.#acknowledge(pack);
        this.#hasHoles = true;
        break;
      }
      case "redrive":
        await this.#redrive();
        break;
    }
    for (let turns = 0; turns < 3; turns += 1) await turn();
    this.#checkCursor();
  }

  /** Everything heals, and goes on to the end. */
  async settle(): Promise<void> {
    this.#checkpoint.isAway = false;
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const living = await this.#living();
      if (living.next < this.#events.length) await this.step({ kind: "deliver", events: 10 });
      await this.step({ kind: "flush" });
      for (let lane = 0; lane < LANES; lane += 1) await this.step({ kind: "put", lane, isAnswered: true });
      await this.step({ kind: "save" });
      await this.step({ kind: "late-put", at: 0 });
      for (let lane = 0; lane < LANES; lane += 1) await this.#consumeLane(lane, 4, () => null);
      await this.step({ kind: "redrive" });
      if (this.#isDone(living)) return;
    }
    throw new Error(`it does not come to an end within ${MOST_ROUNDS} rounds`);
  }

  /** One line for everything in which the end is another than that of the network. */
  differences(end: NetworkEnd): readonly string[] {
    const { rows, letters, gaps } = this.database;
    const letterPaths = [...letters.values()].map(({ did, path, envelope }) =>
      path === null ? `${did} ${envelope?.length}` : `${did}/${path.collection}/${path.rkey}`,
    );
    const missing = end.dead.filter(
      (path) => !letterPaths.some((letter) => letter === path || letter.startsWith(path.split("/")[0] ?? "?")),
    );
    return [
      ...differing("row", rows, end.rows),
      ...differing("account", this.database.accounts(), end.accounts),
      ...missing.map((path) => `no dead letter of ${path}`),
      ...(letters.size > end.dead.length
        ? [`${letters.size} dead letters, ${end.dead.length} are right: ${letterPaths.join(", ")}`]
        : []),
      ...(this.#checkpoint.saved?.seq === this.#events.length ? [] : [`cursor ${this.#checkpoint.saved?.seq}`]),
      ...(this.database.openMarks() > 0 ? [`${this.database.openMarks()} marks are left`] : []),
      ...(gaps.length > 0 && !this.#hasHoles ? gaps.map(({ detail }) => `gap: ${detail}`) : []),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ingester !== null) await this.#leave(this.#ingester);
  }

  async #living(): Promise<Ingester> {
    if (
      this.#ingester !== null &&
      (await Promise.race([this.#ingester.ingest.failed, Promise.resolve("alive")])) === "alive"
    ) {
      return this.#ingester;
    }
    if (this.#ingester !== null) await this.#leave(this.#ingester);
    this.#ingester = await this.#start();
    return this.#ingester;
  }

  async #start(): Promise<Ingester> {
    const puts = new Map<number, Put>();
    const writer: PackWriter = {
      append: (pack) => new Promise((resolve) => void puts.set(pack.header.lane, { pack, resolve })),
    };
    const ingest = await createIngest({
      lanes: LANES,
      writer,
      checkpoint: this.#checkpoint,
      recordGap: () => Promise.resolve(),
      keepsCollection: () => true,
      flush: { maxEvents: 3, maxBytes: 10_000, maxAgeMs: NEVER_MS },
      maxInFlightBytes: 1e6,
      saveEveryMs: SAVE_EVERY_MS,
      telemetry: new TestTelemetry(),
      nowMs: Date.now,
    });
    const wasAway = this.#checkpoint.isAway;
    // A start waits for its checkpoint as long as it takes.
    this.#checkpoint.isAway = false;
    const seq = this.#checkpoint.saved?.seq ?? 0;
    await ingest.enter({ relay: RELAY, epoch: 1, seq });
    this.#checkpoint.isAway = wasAway;
    return { ingest, puts, next: seq };
  }

  async #deliver(count: number): Promise<void> {
    const ingester = await this.#living();
    for (const event of this.#events.slice(ingester.next, ingester.next + count)) {
      ingester.ingest.accept(event);
      ingester.next += 1;
    }
  }

  #put(lane: number, isAnswered: boolean): void {
    const put = this.#ingester?.puts.get(lane);
    if (put === undefined) return;
    this.#arrive(put);
    if (!isAnswered) return;
    this.#ingester?.puts.delete(lane);
    put.resolve();
  }

  #arrive(put: Put | undefined): void {
    if (put === undefined) return;
    this.#stream[put.pack.header.lane]?.push(put.pack);
    const read = readPack(put.pack);
    if (!read.ok) throw new Error(read.reason);
    for (const { seq } of read.events) this.#durableSeqs.add(seq);
  }

  async #killIngester(): Promise<void> {
    if (this.#ingester === null) return;
    await this.#leave(this.#ingester);
    this.#ingester = null;
  }

  async #leave({ ingest, puts }: Ingester): Promise<void> {
    this.#late.push(...puts.values());
    await ingest[Symbol.asyncDispose]();
  }

  #nextOf(lane: number, count: number): readonly Pack[] {
    const from = this.#acknowledged[lane] ?? 0;
    return this.#stream[lane]?.slice(from, from + count) ?? [];
  }

  async #consumeLane(lane: number, count: number, trouble: () => Trouble | null): Promise<void> {
    await this.#consume(this.#nextOf(lane, count), trouble);
  }

  /** Acknowledged is what was applied, as far as the consumer could say so. */
  async #consume(packs: readonly Pack[], trouble: () => Trouble | null): Promise<boolean> {
    if (packs.length === 0) return true;
    this.#consumers += 1;
    const store = this.database.asProcess(`consumer ${this.#consumers}`, trouble);
    try {
      await consume(packs, { store, telemetry: new TestTelemetry(), nowMs: Date.now });
    } catch (error) {
      if (error instanceof Death || (error instanceof StoreError && error.kind === "transient")) return false;
      throw error;
    }
    for (const pack of packs) this.#acknowledge(pack);
    return true;
  }

  /** Where it is the lane's next; a repeat moves nothing. */
  #acknowledge(pack: Pack): void {
    const { lane } = pack.header;
    const at = this.#acknowledged[lane] ?? 0;
    if (this.#stream[lane]?.[at] === pack) this.#acknowledged[lane] = at + 1;
  }

  async #redrive(): Promise<void> {
    const [pack] = this.#bucket;
    if (pack !== undefined && (await this.#consume([pack], () => null))) this.#bucket.shift();
  }

  #isDone({ ingest, next }: Ingester): boolean {
    const isApplied = this.#stream.every((packs, lane) => this.#acknowledged[lane] === packs.length);
    const isRead = next === this.#events.length && ingest.state().bytesInFlight === 0;
    const isSaved = this.#checkpoint.saved?.seq === this.#events.length;
    return isApplied && isRead && isSaved && this.#bucket.length === 0 && this.#late.length === 0;
  }

  /** Guarantee 3: everything up to the saved cursor is in the stream, and it never moves back. */
  #checkCursor(): void {
    const seq = this.#checkpoint.saved?.seq ?? 0;
    if (seq < this.#lowest) throw new Error(`the cursor went back from ${this.#lowest} to ${seq}`);
    this.#lowest = seq;
    for (let each = 1; each <= seq; each += 1) {
      if (!this.#durableSeqs.has(each)) throw new Error(`the cursor is ${seq}, and ${each} is not in the stream`);
    }
  }
}

/** Fenced as the real ones are. */
class MemoryCheckpoint implements Checkpoint {
  saved: SavedCursor | null = null;
  isAway = false;
  #fence = 0;

  acquire(): Promise<{ readonly fence: number }> {
    this.#fence += 1;
    return Promise.resolve({ fence: this.#fence });
  }

  load(): Promise<SavedCursor | null> {
    return Promise.resolve(this.saved);
  }

  lastDurableTimeMs(): Promise<number | null> {
    return Promise.resolve(this.saved?.timeMs ?? null);
  }

  save(cursor: SavedCursor, { fence }: { readonly fence: number }): Promise<"saved" | "fenced"> {
    if (this.isAway) return Promise.reject(new Error("the checkpoint is away"));
    if (fence < this.#fence) return Promise.resolve("fenced");
    if (this.saved === null || cursor.seq >= this.saved.seq) this.saved = cursor;
    return Promise.resolve("saved");
  }
}

function troubleAfter(transactions: number, how: "well" | Trouble): () => Trouble | null {
  let left = transactions;
  return () => (how === "well" || left-- !== 0 ? null : how);
}

function differing<Value>(
  what: string,
  got: ReadonlyMap<string, Value>,
  wanted: ReadonlyMap<string, Value>,
): readonly string[] {
  const keys = [...new Set([...got.keys(), ...wanted.keys()])];
  return keys
    .filter((key) => got.get(key) !== wanted.get(key))
    .map((key) => `${what} ${key}: ${String(got.get(key))}, ${String(wanted.get(key))} is right`);
}
