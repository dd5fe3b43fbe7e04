/** Packs in, calls of the function that applies them out: appended means applied, as in the memory stream. */
import type { LambdaClient } from "@aws-sdk/client-lambda";
import { encodePack, type Pack } from "../../core/pack.ts";
import type { Telemetry } from "../../telemetry/port.ts";
import type { PackWriter } from "../port.ts";
import { callFunction } from "./client.ts";
import { type EventOrigin, kinesisEvent, type LaneRecord } from "./event.ts";
import { LaneCalls, type WaitingRecord } from "./lane-calls.ts";
import { MAX_EVENT_BYTES } from "./limits.ts";
import { Trouble } from "./trouble.ts";

export interface FunctionWriterOptions {
  readonly client: LambdaClient;
  /** Name or ARN. */
  readonly functionName: string;
  readonly origin: EventOrigin;
  /** Packs of one call at the most. */
  readonly maxPacks: number;
  /** So long the first pack of a call waits for others of its lane. */
  readonly windowMs: number;
  /** Puts a pack where the function finds it, and gives the bytes that say where. For those that no call can hold; rejects where it cannot now. */
  readonly refer: (pack: Pack, bytes: Uint8Array) => Promise<Uint8Array>;
  readonly telemetry: Telemetry;
  /** A random number in [0, 1), for the jitter of the waits. */
  readonly random: () => number;
  /** Told why the function does not take packs, in one line, and null when it does. */
  readonly onTrouble: (trouble: string | null) => void;
}

/** Disposing rejects what the function has not answered for: it may do it all the same, and it comes again. */
export interface FunctionWriter extends PackWriter, Disposable {
  /** Calls no longer wait for more packs. */
  hurry(): void;
}

/** The process ends: what it had in hand stays unacknowledged. */
export class CallsEndedError extends Error {
  override readonly name = "CallsEndedError";
  constructor() {
    super("no more calls of the function: the process ends");
  }
}

export function createFunctionWriter(options: FunctionWriterOptions): FunctionWriter {
  const { client, functionName, origin, telemetry, refer } = options;
  const disposing = new AbortController();
  const { signal } = disposing;
  const lanes = new Map<number, LaneCalls>();
  const nowMs = () => performance.now();
  const trouble = new Trouble({ telemetry, onTrouble: options.onTrouble, nowMs });
  const callsOf = (lane: number): LaneCalls => {
    const known = lanes.get(lane);
    if (known !== undefined) return known;
    const calls = new LaneCalls({
      lane,
      call: (records) => callFunction({ client, functionName, event: kinesisEvent(records, origin), signal }),
      maxPacks: options.maxPacks,
      windowMs: options.windowMs,
      trouble,
      random: options.random,
      nowMs,
      onCall: (outcome) => telemetry.count("function_calls_total", 1, outcome),
      signal,
    });
    lanes.set(lane, calls);
    return calls;
  };
  return {
    async append(pack) {
      signal.throwIfAborted();
      await callsOf(pack.header.lane).add(recordOf(pack, refer));
      telemetry.count("packs_total");
    },
    hurry() {
      for (const calls of lanes.values()) calls.hurry();
    },
    [Symbol.dispose]() {
      disposing.abort(new CallsEndedError());
    },
  };
}

/** @throws RangeError for a pack that was read from no stream: nothing says its place. */
function recordOf(pack: Pack, refer: FunctionWriterOptions["refer"]): WaitingRecord {
  const { source, header } = pack;
  if (source === undefined)
    throw new RangeError("a pack without its place in a stream cannot be given to the function");
  const bytes = encodePack(pack);
  const record = (data: Uint8Array): LaneRecord => ({ id: source.entry, lane: header.lane, data });
  if (bytes.length <= MAX_EVENT_BYTES) {
    return { bytes: bytes.length, alone: source.isSuspect, make: () => Promise.resolve(record(bytes)) };
  }
  return { bytes: 0, alone: true, make: async () => record(await refer(pack, bytes)) };
}
