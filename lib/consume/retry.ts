/** Retrying dead letters: record by record, never by the repo's rev, so that it is right whatever happened since. */
import type { BatchEvent } from "../core/batch.ts";
import { decodeMessage } from "../core/decode-event.ts";
import { readEntry } from "../core/entry-read.ts";
import type { FirehoseEvent, RejectedEvent } from "../core/event.ts";
import { decodePack, type PackHeader, readPack } from "../core/pack.ts";
import { decodeEnvelope } from "../core/pack-envelope.ts";
import { type LetterToRetry, type Store, StoreError } from "../store/port.ts";
import { applyEvents } from "./apply.ts";

export interface RetryOptions {
  readonly store: Store;
  readonly nowMs: () => number;
  /** What is older may have been deleted since by an op whose tombstone is gone. */
  readonly tombstoneDays: number;
  /** Retry it all the same. */
  readonly isForced: boolean;
}

export type RetryAnswer =
  /** It is applied, or something newer is: the letter is closed. */
  | { readonly state: "closed" }
  | { readonly state: "still failing"; readonly reason: string }
  /** Not tried; the reason says what helps. */
  | { readonly state: "refused"; readonly reason: string };

const DAY_MS = 86_400_000;

/** Rejects with a transient StoreError when the database is away. */
export async function retryLetter(letter: LetterToRetry, options: RetryOptions): Promise<RetryAnswer> {
  const { store, nowMs, tombstoneDays, isForced } = options;
  const ageDays = (nowMs() - letter.writtenAtMs) / DAY_MS;
  if (ageDays > tombstoneDays && !isForced) {
    return {
      state: "refused",
      reason: `it is ${Math.floor(ageDays)} days old, and deletes are remembered for ${tombstoneDays} (TOMBSTONE_DAYS): a record deleted since would come back; --force retries it all the same`,
    };
  }
  const read = eventsOf(letter, nowMs());
  if (!read.ok) {
    return { state: "still failing", reason: read.reason };
  }
  try {
    const { relay, epoch } = read.place ?? letter;
    const relayId = await store.relayId(relay, epoch);
    const sources: BatchEvent[] = read.events.map((event) => ({
      event,
      relay,
      epoch,
      relayId,
      mode: event.kind === "sync" ? "repo" : "record",
      setAside: null,
    }));
    await applyEvents(sources, { store, nowMs, packs: [], countLane: 0, single: null, letterId: letter.id });
    return { state: "closed" };
  } catch (error) {
    if (error instanceof StoreError && error.kind === "transient") {
      throw error;
    }
    return { state: "still failing", reason: error instanceof Error ? error.message : String(error) };
  }
}

type ReadEvents =
  | {
      readonly ok: true;
      readonly events: readonly FirehoseEvent[];
      /** What a pack says itself: of one that could not be read the letter may not know it. */
      readonly place?: Pick<PackHeader, "relay" | "epoch">;
    }
  | { readonly ok: false; readonly reason: string };

function eventsOf(letter: LetterToRetry, nowMs: number): ReadEvents {
  if (letter.scope === "pack") {
    return eventsOfPack(letter.bytes);
  }
  if (letter.envelope === null) {
    return { ok: false, reason: "no bytes were kept" };
  }
  const envelope = decodeEnvelope(letter.envelope);
  if (!envelope.ok) {
    return { ok: false, reason: `its envelope cannot be read: ${envelope.reason} at byte ${envelope.offset}` };
  }
  return asApplicable(envelope.event, nowMs);
}

/** A rejected event is decoded anew: what was too early may be due, and a newer decoder may know more. */
function asApplicable(event: FirehoseEvent, nowMs: number): ReadEvents {
  if (event.kind === "rejected") {
    const entry = entryOf(event.rawFrame);
    if (entry !== null) return eventOfEntry(entry, event);
    const message = decodeMessage(event.rawFrame, nowMs);
    if (message.kind !== "event") {
      return {
        ok: false,
        reason:
          message.kind === "malformed"
            ? `${message.reason} at byte ${message.offset}`
            : `the frame is of kind ${message.kind}`,
      };
    }
    return message.event.kind === "rejected"
      ? { ok: false, reason: message.event.detail }
      : { ok: true, events: [message.event] };
  }
  const fault = event.kind === "commit" ? event.ops.find((op) => op.fault !== null)?.fault : undefined;
  return fault === undefined || fault === null ? { ok: true, events: [event] } : { ok: false, reason: fault.detail };
}

/** What `lib/stream/redis` keeps of an entry that could not be read; null for a frame, which is no JSON. */
function entryOf(raw: Uint8Array): Record<"type" | "data" | "seq", string> | null {
  // "{"
  if (raw[0] !== 0x7b) return null;
  try {
    const kept: unknown = JSON.parse(Buffer.from(raw).toString("utf8"));
    const fields = typeof kept === "object" && kept !== null && "fields" in kept ? kept.fields : null;
    if (!Array.isArray(fields)) return null;
    const [type, data, seq] = [1, 3, 5].map((at) => String(fields[at] ?? ""));
    return { type: type ?? "", data: data ?? "", seq: seq ?? "" };
  } catch {
    return null;
  }
}

function eventOfEntry(entry: Record<"type" | "data" | "seq", string>, event: RejectedEvent): ReadEvents {
  const origin = { relay: "", epoch: 0 };
  const read = readEntry(entry, { origin, seq: event.seq, writtenAtMs: event.receivedAtMs });
  if (!read.ok) return { ok: false, reason: read.reason };
  if (!read.hasOrder) return { ok: false, reason: "the entry does not say its order: it cannot be applied late" };
  return { ok: true, events: [read.event], place: read.origin };
}

function eventsOfPack(bytes: Uint8Array | null): ReadEvents {
  const decoded = decodePack(bytes ?? new Uint8Array());
  if (!decoded.ok) return { ok: false, reason: `${decoded.reason} at byte ${decoded.offset}` };
  const read = readPack(decoded.pack);
  return read.ok
    ? { ok: true, events: read.events, place: decoded.pack.header }
    : { ok: false, reason: `${read.reason} at byte ${read.offset}` };
}
