/** One Redis stream, read by the one who holds its lease → packs in a queue; acknowledged to the group once they are applied. */
import type { Redis } from "ioredis";
import type { Telemetry } from "../../telemetry/port.ts";
import type { PackWriter } from "../port.ts";
import { backoffMs, pause } from "./backoff.ts";
import type { EntryGroup, EntryPacker, HeldEntry, UnreadableEntry } from "./entry-packs.ts";
import { explainRedis, RedisStreamError } from "./errors.ts";
import { ensureGroup, lastGeneratedId, leaveGroup } from "./group.ts";
import { HandedEntries } from "./handed-entries.ts";
import { CLAIM_ENTRIES } from "./limits.ts";
import { asEntries, asMap, compareIds, type PendingEntry, parseId, type RawEntry } from "./replies.ts";
import { showDeadLetter } from "./show-dead-letter.ts";
import type { WaitingBytes } from "./waiting-bytes.ts";
import { REDIS_WAITS, type RedisWaits } from "./waits.ts";

export interface RedisReaderOptions {
  /** For commands that answer at once. */
  readonly client: Redis;
  /** For reads that wait: of this reader alone. */
  readonly blocking: Redis;
  readonly key: string;
  readonly group: string;
  readonly consumer: string;
  readonly packer: EntryPacker;
  /** Entries that one read takes. */
  readonly readCount: number;
  /** `append` resolves once a pack is applied. */
  readonly queue: PackWriter;
  /** Of this stream alone: one that is held up holds up no other. */
  readonly waiting: WaitingBytes;
  /**
   * Whether the right to read is certain. While it is not, nothing is read or claimed: an entry that is given to a reader that was replaced
   * meanwhile would be claimed by nobody before the next one begins. Always, without it.
   */
  readonly mayRead?: () => boolean;
  /** Whether this name in the group is one of our own workers', dead or alive. */
  readonly isOurs: (consumer: string) => boolean;
  /** Keeps what is no pack; resolves when it is durable. */
  readonly keepUnreadable: (entry: UnreadableEntry) => Promise<void>;
  /** How many entries the established list of dead letters keeps, about. */
  readonly maxDeadLetters: number;
  readonly waits?: RedisWaits;
  readonly telemetry: Telemetry;
  readonly random: () => number;
  readonly onEntries: (packs: readonly EntryGroup[]) => void;
  /** Told why the stream cannot be read, in one line, and null when it can. */
  readonly onTrouble: (trouble: string | null) => void;
}

export interface RedisReader {
  /** Reads until the signal aborts; resolves when what it had handed on is applied or given up. Rejects with what a person has to mend. */
  run(signal: AbortSignal): Promise<void>;
  /** Of an event that became a dead letter while it was applied: its entry goes to the established list as well. */
  noteDead(seq: number): void;
  /** Everything that was handed on is applied and acknowledged, or given up. */
  settled(): Promise<void>;
  /** After `run` and `settled`: out of the group, where nothing is in hand. Never rejects. */
  leave(): Promise<void>;
}

export function createRedisReader(options: RedisReaderOptions): RedisReader {
  return new GroupReader(options);
}

class GroupReader implements RedisReader {
  readonly #options: RedisReaderOptions;
  readonly #waits: RedisWaits;
  readonly #handed: HandedEntries;
  readonly #dead = new Set<number>();

  constructor(options: RedisReaderOptions) {
    this.#options = options;
    this.#waits = options.waits ?? REDIS_WAITS;
    this.#handed = new HandedEntries(options);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { onTrouble, telemetry, random, key, blocking } = this.#options;
    // A read that waits would hold the stop up; what it was just given stays pending, and comes again.
    signal.addEventListener("abort", () => blocking.disconnect(), { once: true });
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await this.#resume(signal);
        onTrouble(null);
        failures = 0;
        for (let claimedAtMs = performance.now(); !signal.aborted; ) {
          await this.#readOn(signal);
          await this.#handed.sayAgain();
          if (performance.now() - claimedAtMs < this.#waits.claimEveryMs) continue;
          await this.#untilAlone(signal);
          await this.#claimLeft(signal);
          onTrouble(null);
          claimedAtMs = performance.now();
        }
      } catch (error) {
        if (signal.aborted) return;
        // A read that was given up may be answered yet, by an entry that nobody would see: the next one would overtake it.
        blocking.disconnect(true);
        const explained = explainRedis(error);
        if (explained instanceof RedisStreamError || !isPassing(error)) throw explained;
        const message = error instanceof Error ? error.message : String(error);
        onTrouble(message);
        telemetry.log.warn("the stream cannot be read; trying again until it can", { stream: key, error: message });
        await pause(backoffMs(Math.max(1, failures), random, this.#waits.longestBackoffMs), signal).catch(
          () => undefined,
        );
      }
    }
  }

  noteDead(seq: number): void {
    this.#dead.add(seq);
  }

  settled(): Promise<void> {
    return this.#handed.settled();
  }

  async leave(): Promise<void> {
    const { consumer, telemetry, key } = this.#options;
    await leaveGroup(this.#options, [consumer, this.#claimant]).catch((error: unknown) => {
      telemetry.log.debug("the group could not be left", { stream: key, error: String(error) });
    });
  }

  /** The group, and whatever was delivered and never acknowledged, before anything new. */
  async #resume(signal: AbortSignal): Promise<void> {
    const { key, group, packer } = this.#options;
    await ensureGroup(this.#options);
    packer.setBack(await lastGeneratedId(this.#options.client, key));
    await this.#untilAlone(signal);
    for (let from = "-"; ; ) {
      const pending = (await this.#options.client.xpending(key, group, from, "+", CLAIM_ENTRIES)) as PendingEntry[];
      const last = pending.at(-1)?.[0];
      if (last === undefined) return;
      await this.#claim(pending, signal);
      from = `(${last}`;
    }
  }

  /** Somebody else's consumer that is at work (one with nothing in hand may be given the next entry) would overtake us, or be overtaken: two readers of a group keep no order. */
  async #untilAlone(signal: AbortSignal): Promise<void> {
    const { client, key, group, consumer, isOurs, onTrouble } = this.#options;
    for (;;) {
      const consumers = ((await client.xinfo("CONSUMERS", key, group)) as unknown[]).map(asMap);
      const other = consumers.find(
        (each) =>
          Number(each.get("idle")) < this.#waits.consumerAliveMs &&
          each.get("name") !== consumer &&
          !isOurs(String(each.get("name"))) &&
          !isOurs(String(each.get("name")).replace(CLAIMED_SUFFIX, "")) &&
          each.get("name") !== this.#claimant,
      );
      if (other === undefined) return;
      onTrouble(`consumer ${String(other.get("name"))} is at work in the group ${group}: waiting until it has gone`);
      await pause(this.#waits.blockMs, signal);
    }
  }

  /**
   * What somebody was given meanwhile and has left (a debugger's read, a worker of another kind that died): nobody else ever takes it, and
   * trimming would stop at it. It was never in our hand, so that our place says nothing about it.
   */
  async #claimLeft(signal: AbortSignal): Promise<void> {
    const { client, key, group } = this.#options;
    const idle = (await client.xpending(
      key,
      group,
      "IDLE",
      this.#waits.consumerAliveMs,
      "-",
      "+",
      CLAIM_ENTRIES,
    )) as PendingEntry[];
    const left = idle.filter(([id]) => !this.#handed.has(id));
    if (left.length > 0) await this.#take({ ours: [], others: left }, signal);
  }

  async #claim(pending: readonly PendingEntry[], signal: AbortSignal): Promise<void> {
    const { consumer, isOurs } = this.#options;
    const { ours = [], others = [] } = Object.groupBy(pending, ([, owner]) =>
      owner === consumer || isOurs(owner) ? "ours" : "others",
    );
    await this.#take({ ours, others }, signal);
  }

  /** Entries of others stay told apart from ours, also for whoever finds them after our death: our place says nothing about them. */
  async #take(
    { ours, others }: { readonly ours: readonly PendingEntry[]; readonly others: readonly PendingEntry[] },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#untilCertain(signal);
    await this.#options.waiting.room(signal);
    const taken = [
      ...(await this.#takeAs(this.#options.consumer, ours)),
      ...(await this.#takeAs(this.#claimant, others)),
    ];
    const fresh = taken.filter(({ id }) => !this.#handed.has(id));
    if (fresh.length > 0) this.#options.telemetry.count("redelivered_entries_total", fresh.length);
    // In the order of the stream, whoever had them.
    await this.#hand(
      fresh.sort((one, other) => compareIds(parseId(one.id), parseId(other.id))),
      signal,
    );
  }

  /** Under this name is pending what was given to somebody else first. */
  get #claimant(): string {
    return `${this.#options.consumer}${CLAIMED_SUFFIX}`;
  }

  async #takeAs(name: string, pending: readonly PendingEntry[]): Promise<readonly HeldEntry[]> {
    const { client, key, group, consumer } = this.#options;
    if (pending.length === 0) return [];
    const ids = pending.map(([id]) => id);
    const entries = asEntries(await client.callBuffer("XCLAIM", key, group, name, 0, ...ids));
    const found = new Set(entries.map(({ id }) => id));
    // Trimmed by somebody, or acknowledged since: nothing of them is left to wait for.
    const gone = ids.filter((id) => !found.has(id));
    if (gone.length > 0) await client.xack(key, group, ...gone);
    const deliveries = new Map(pending.map(([id, , , count]) => [id, count]));
    return entries.map((entry) => ({
      ...entry,
      deliveries: (deliveries.get(entry.id) ?? 1) + 1,
      isForeign: name !== consumer,
    }));
  }

  async #readOn(signal: AbortSignal): Promise<void> {
    const { blocking, key, group, consumer, readCount } = this.#options;
    await this.#options.waiting.room(signal);
    await this.#untilCertain(signal);
    const reply: unknown = await blocking.xreadgroupBuffer(
      "GROUP",
      group,
      consumer,
      "COUNT",
      readCount,
      "BLOCK",
      this.#waits.blockMs,
      "STREAMS",
      key,
      ">",
    );
    const streams = Array.isArray(reply) ? (reply as [Buffer, unknown][]) : [];
    await this.#hand(
      streams
        .flatMap(([, entries]) => asEntries(entries))
        .map((entry: RawEntry) => ({ ...entry, deliveries: 1, isForeign: false })),
      signal,
    );
  }

  async #untilCertain(signal: AbortSignal): Promise<void> {
    while (this.#options.mayRead?.() === false) await pause(CERTAIN_LOOK_MS, signal);
  }

  async #hand(entries: readonly HeldEntry[], signal: AbortSignal): Promise<void> {
    if (entries.length === 0) return;
    const { groups, unreadable } = this.#options.packer.pack(entries);
    for (const entry of unreadable) this.#handed.follow([entry.id], this.#options.keepUnreadable(entry));
    for (const group of groups) this.#handGroup(group);
    this.#options.onEntries(groups);
    signal.throwIfAborted();
  }

  #handGroup({ entries, pack }: EntryGroup): void {
    const { queue, waiting, telemetry } = this.#options;
    const ids = entries.map(({ id }) => id);
    if (pack === null) {
      telemetry.count("repeated_events_total", ids.length);
      this.#handed.follow(ids, Promise.resolve());
      return;
    }
    const bytes = pack.body.length;
    waiting.take(bytes);
    const applied = queue.append(pack).finally(() => waiting.give(bytes));
    this.#handed.follow(
      ids,
      applied.then(() => this.#showDead(entries)),
    );
  }

  async #showDead(entries: EntryGroup["entries"]): Promise<void> {
    const dead = entries.filter(({ seq, isUnreadable }) => isUnreadable || this.#dead.delete(seq));
    for (const entry of dead) await showDeadLetter(entry, this.#options);
  }
}

const CERTAIN_LOOK_MS = 50;
/** Of the name in the group under which a worker has what it took over from others. */
const CLAIMED_SUFFIX = ":claimed";

/** Everything that Redis or the way to it says; a fault of our own code is none of it. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return (
    code !== undefined ||
    ["ReplyError", "MaxRetriesPerRequestError", "AbortError"].includes(error.name) ||
    /Connection is closed|timed out|Stream isn't writeable|Socket closed/i.test(error.message)
  );
}
