/** Mutated frames through the whole decoding core: nothing may throw, take long, or break what every result promises. */
import { CID_PREFIX, digestOf } from "../../lib/core/cid.ts";
import { decodeCbor } from "../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../lib/core/dag-cbor-encode.ts";
import { fromDagJson, toDagJson } from "../../lib/core/dag-json.ts";
import { decodeMessage } from "../../lib/core/decode-event.ts";
import type { CommitEvent, CommitOp, FirehoseEvent, Message } from "../../lib/core/event.ts";
import { isDid, isNsid, isRkey } from "../../lib/core/syntax.ts";
import { tidText } from "../../lib/core/tid.ts";
import { mutate, seededRandom } from "./mutate.ts";

export interface FuzzOptions {
  readonly frames: readonly Uint8Array[];
  readonly receivedAtMs: number;
  readonly iterations: number;
  readonly seed: number;
}

export interface FuzzReport {
  /** How many frames turned out as what: `commit`, `rejected broken-blocks`, `malformed`, … */
  readonly outcomes: ReadonlyMap<string, number>;
  /** The longest that one frame took, milliseconds. */
  readonly slowestMs: number;
}

/** A promise was broken. `frame` is what did it, `iteration` and the seed lead there again. */
export class FuzzError extends Error {
  override readonly name = "FuzzError";
  readonly iteration: number;
  readonly frame: Uint8Array;

  constructor(iteration: number, frame: Uint8Array, options: ErrorOptions) {
    super(`iteration ${iteration}: ${String(options.cause)}`, options);
    this.iteration = iteration;
    this.frame = frame;
  }
}

/** Throws a `FuzzError` at the first frame that breaks a promise. */
export function fuzz({ frames, receivedAtMs, iterations, seed }: FuzzOptions): FuzzReport {
  const random = seededRandom(seed);
  const outcomes = new Map<string, number>();
  const pick = (): Uint8Array => frames[random(frames.length)] ?? new Uint8Array();
  let slowestMs = 0;
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const frame = mutate(pick(), random, pick());
    try {
      const startedMs = performance.now();
      const message = decodeMessage(frame, receivedAtMs);
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      checkMessage(message, frame);
      const outcome = outcomeOf(message);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    } catch (error) {
      throw new FuzzError(iteration, frame, { cause: error });
    }
  }
  return { outcomes, slowestMs };
}

function outcomeOf(message: Message): string {
  if (message.kind !== "event") {
    return message.kind;
  }
  const { event } = message;
  if (event.kind === "rejected") {
    return `rejected ${event.reason}`;
  }
  const fault = event.kind === "commit" ? event.ops.find((op) => op.fault !== null)?.fault : null;
  return fault ? `commit with ${fault.reason}` : event.kind;
}

function promise(kept: boolean, what: string): void {
  if (!kept) {
    throw new Error(`promise broken: ${what}`);
  }
}

function checkMessage(message: Message, frame: Uint8Array): void {
  if (message.kind === "event") {
    checkEvent(message.event, frame);
  } else if (message.kind === "malformed") {
    promise(message.offset >= 0 && message.offset <= frame.length, "malformed tells a place within the frame");
  }
}

function checkEvent(event: FirehoseEvent, frame: Uint8Array): void {
  promise(Number.isSafeInteger(event.seq) && event.seq > 0, "seq is a positive safe integer");
  promise(event.timeMs === null || Number.isSafeInteger(event.timeMs), "time is null or an integer");
  promise(isDid(event.did) || (event.kind === "rejected" && event.did === ""), "did is one");
  if (event.kind === "rejected") {
    promise(event.detail !== "" && event.detail.length < 1000, "a rejection has a short detail");
  }
  if (event.kind === "commit") {
    checkCommit(event, frame);
  }
}

function checkCommit(event: CommitEvent, frame: Uint8Array): void {
  promise(tidText(event.rev).length === 13, "rev is a tid");
  promise(
    event.tree.length === 16 && (event.prevTree?.length ?? 16) === 16,
    "of trees 16 bytes of the digest are kept",
  );
  const faulty = event.ops.some(({ fault }) => fault !== null);
  promise(faulty === (event.rawFrame !== null), "the frame is kept where an op has a fault, and only there");
  for (const op of event.ops) {
    if (op.fault === null) {
      checkOp(op, frame);
    }
  }
}

function checkOp({ action, collection, rkey, cid, record }: CommitOp, frame: Uint8Array): void {
  promise(isNsid(collection) && isRkey(rkey), "the path of a good op is one");
  promise((action === "delete") === (record === null) && cid === null, "a good op has its record");
  if (record !== null) {
    const recordCid = Buffer.concat([CID_PREFIX, digestOf(record)]);
    // Once in the op and once before the block: nothing but the frame says any more which CID the op named.
    const [first, last] = [Buffer.from(frame).indexOf(recordCid), Buffer.from(frame).lastIndexOf(recordCid)];
    promise(first >= 0 && last > first, "the record hashes to a CID that an op and a block of the frame have");
    checkRecord(record);
  }
}

function checkRecord(record: Uint8Array): void {
  const result = decodeCbor(record);
  if (result.ok) {
    promise(Buffer.compare(encodeCbor(result.value), record) === 0, "what decodes is canonical");
    const { json, exact } = toDagJson(result.value);
    const back = encodeCbor(fromDagJson(JSON.parse(json)));
    promise(!exact || Buffer.compare(back, record) === 0, "exact JSON leads back to the bytes");
  }
}

/** Mutated records straight into the record decoder, where a frame's hashes would keep them away. */
export function fuzzRecords({ frames: records, iterations, seed }: Omit<FuzzOptions, "receivedAtMs">): number {
  const random = seededRandom(seed);
  const pick = (): Uint8Array => records[random(records.length)] ?? Uint8Array.of(...CID_PREFIX);
  let decodable = 0;
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const record = mutate(pick(), random, pick());
    try {
      checkRecord(record);
      decodable += decodeCbor(record).ok ? 1 : 0;
    } catch (error) {
      throw new FuzzError(iteration, record, { cause: error });
    }
  }
  return decodable;
}
