/** The fenced cursor in Redis: a plain number that others can read, a hash beside it, and both moved together with a stream's entries. */
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { type Gap, type SavedCursor, SetBackError } from "../../core/cursor.ts";
import { type Checkpoint, LanesChangedError } from "../port.ts";
import { CursorKeyError } from "./errors.ts";
import { ACQUIRE, SAVE, WRITE } from "./scripts.ts";

export interface RedisCheckpointOptions {
  readonly client: Redis;
  /** Key of the plain number; the hash is at `KEY:state`. */
  readonly cursorKey: string;
  /** Host of the relay that a number belongs to which somebody else has written: the first one that is read. */
  readonly firstRelay: string;
  /** False where entries are in no lanes: then their number is nothing to hold. */
  readonly holdsLanes: boolean;
}

/** An entry to be added: its stream, and its fields and values in turn. */
export interface EntryToAdd {
  readonly key: string;
  readonly fields: readonly (string | Uint8Array)[];
}

export interface EntriesToWrite {
  readonly entries: readonly EntryToAdd[];
  readonly cursor: SavedCursor;
  /** All streams that may get entries, in the same order each time. */
  readonly keys: readonly string[];
  /** Trims each stream to about so many entries, handled or not; null: trims nothing. */
  readonly maxLength: number | null;
}

export type WriteOutcome =
  | {
      readonly kind: "written";
      /** Of each of `keys`. */
      readonly lengths: readonly number[];
      /** Entries that `maxLength` has dropped. */
      readonly dropped: number;
    }
  /** A newer process has taken over. */
  | { readonly kind: "fenced" }
  /** The server has less than it has acknowledged. */
  | { readonly kind: "set-back" };

export interface RedisCheckpoint extends Checkpoint {
  /**
   * Entries and cursor in one transaction. Rejects as Redis does, and may have taken place then: the same call again writes nothing twice.
   * One at a time, and none beside a `save`.
   */
  write(what: EntriesToWrite): Promise<WriteOutcome>;
  /** Writes a span that may be missing into the hash `KEY:gaps`, for processes without a database. The same gap is one field. */
  recordGap(gap: Gap): Promise<void>;
  /** Whether anybody has left a cursor here. */
  isKnown(): Promise<boolean>;
}

/** Rejects as Redis does where it is away. */
export function createRedisCheckpoint(options: RedisCheckpointOptions): RedisCheckpoint {
  return new HashedCheckpoint(options);
}

class HashedCheckpoint implements RedisCheckpoint {
  readonly #options: RedisCheckpointOptions;
  readonly #stateKey: string;
  #fence = 0;
  #batch = 0;

  constructor(options: RedisCheckpointOptions) {
    this.#options = options;
    this.#stateKey = `${options.cursorKey}:state`;
  }

  async acquire({ lanes }: { readonly lanes: number }): Promise<{ readonly fence: number }> {
    const { holdsLanes, cursorKey } = this.#options;
    const [outcome, value] = await this.#run<[string, string]>(ACQUIRE, [], [holdsLanes ? String(lanes) : ""]);
    if (outcome === "lanes") {
      throw new LanesChangedError({
        stored: Number(value),
        given: lanes,
        mend: `the stream was written with LANES=${value}; keep that value, or drain the stream and stop every process, then run 'redis-cli HDEL ${cursorKey}:state lanes' and 'standpipe migrate --lanes ${lanes}'`,
      });
    }
    this.#fence = Number(value);
    this.#batch = 0;
    return { fence: this.#fence };
  }

  async load(relay: string): Promise<SavedCursor | null> {
    const { client, firstRelay } = this.#options;
    const { plain, current, seq: own } = await this.#plain();
    if (plain === null) return null;
    const [epoch, seq, time] = await client.hmget(this.#stateKey, `epoch:${relay}`, `seq:${relay}`, `time:${relay}`);
    const timeMs = time === null || time === undefined ? null : Number(time);
    // Somebody else has moved the number, who saves it before the event is safe: that one event is read again.
    if (plain !== own && relay === (current ?? firstRelay)) {
      return { relay, epoch: Number(epoch ?? 1), seq: Math.max(0, Number(plain) - 1), timeMs: null };
    }
    return seq === null || seq === undefined ? null : { relay, epoch: Number(epoch), seq: Number(seq), timeMs };
  }

  async lastDurableTimeMs(): Promise<number | null> {
    const { client } = this.#options;
    const { plain, current, seq } = await this.#plain();
    if (current === null || plain !== seq) return null;
    const time = await client.hget(this.#stateKey, `time:${current}`);
    return time === null ? null : Number(time);
  }

  async isKnown(): Promise<boolean> {
    return (await this.#plain()).plain !== null;
  }

  async recordGap(gap: Gap): Promise<void> {
    const text = JSON.stringify(gap);
    const digest = createHash("sha256").update(text).digest("hex").slice(0, 32);
    await this.#options.client.hset(`${this.#options.cursorKey}:gaps`, digest, text);
  }

  async save(cursor: SavedCursor, { fence }: { readonly fence: number }): Promise<"saved" | "fenced"> {
    if (fence !== this.#fence) return "fenced";
    const outcome = await this.#run<string>(SAVE, [], [String(fence), String(this.#batch), ...textsOf(cursor)]);
    if (outcome === "set-back") throw setBack();
    return outcome === "fenced" ? "fenced" : "saved";
  }

  async write({ entries, cursor, keys, maxLength }: EntriesToWrite): Promise<WriteOutcome> {
    const places = new Map(keys.map((key, index) => [key, String(index + 3)]));
    const next = this.#batch + 1;
    const args: (string | Buffer)[] = [String(this.#fence), String(next), String(this.#batch), ...textsOf(cursor)];
    args.push(String(maxLength ?? 0));
    for (const { key, fields } of entries) {
      args.push(places.get(key) ?? "0", String(fields.length));
      for (const field of fields)
        args.push(typeof field === "string" ? field : Buffer.from(field.buffer, field.byteOffset, field.byteLength));
    }
    const [kind, dropped, ...lengths] = await this.#run<[string, number, ...number[]]>(WRITE, keys, args);
    if (kind !== "written") return { kind: kind === "fenced" ? "fenced" : "set-back" };
    this.#batch = next;
    return { kind: "written", lengths, dropped };
  }

  /** The plain number, and what we have last written there. @throws CursorKeyError where it is none. */
  async #plain(): Promise<{ plain: string | null; current: string | null; seq: string | null }> {
    const { client, cursorKey } = this.#options;
    const plain = await client.get(cursorKey);
    if (plain !== null && !/^\d{1,16}$/.test(plain)) {
      throw new CursorKeyError(
        `REDIS_CURSOR_KEY=${cursorKey}: holds no number: name the key of a cursor, or delete it`,
      );
    }
    const current = await client.hget(this.#stateKey, "relay");
    const seq = current === null ? null : await client.hget(this.#stateKey, `seq:${current}`);
    return { plain, current, seq };
  }

  #run<Answer>(script: string, keys: readonly string[], args: readonly (string | Buffer)[]): Promise<Answer> {
    const { client, cursorKey } = this.#options;
    const all = [cursorKey, this.#stateKey, ...keys];
    return runScript(client, script, { keys: all, args }) as Promise<Answer>;
  }
}

/** By its digest; where the server does not know the script (a new one, or restarted), in full. */
async function runScript(
  client: Redis,
  script: string,
  { keys, args }: { readonly keys: readonly string[]; readonly args: readonly (string | Buffer)[] },
): Promise<unknown> {
  try {
    return await client.evalsha(digestOf(script), keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
    return client.eval(script, keys.length, ...keys, ...args);
  }
}

const digests = new Map<string, string>();

function digestOf(script: string): string {
  const known = digests.get(script);
  if (known !== undefined) return known;
  const digest = createHash("sha1").update(script).digest("hex");
  digests.set(script, digest);
  return digest;
}

function textsOf({ relay, epoch, seq, timeMs }: SavedCursor): string[] {
  return [relay, String(epoch), String(seq), timeMs === null ? "" : String(timeMs)];
}

function setBack(): SetBackError {
  return new SetBackError(
    "Redis has less than it has acknowledged: it lost its memory, or an older copy took its place",
  );
}
