/** Packs in, packs out, within one process: the stream of `standpipe start`, and the double of every other in tests. */
import type { Pack } from "../../core/pack.ts";
import type { Delivery, PackReader, PackWriter } from "../port.ts";

/** A pack was appended after `close`, or was still waiting when the stream was disposed of. */
export class StreamClosedError extends Error {
  constructor() {
    super("the stream is closed");
    this.name = "StreamClosedError";
  }
}

/** Disposing rejects every append that was not acknowledged, and ends every read. */
export interface MemoryStream extends PackWriter, PackReader, Disposable {
  /** Takes no more packs; reads go on until all are acknowledged. */
  close(): void;
  state(): { readonly packs: number; readonly bytes: number };
}

/** `maxBytes` bounds the bodies offered to readers at a time; a single larger one passes alone. */
export function createMemoryStream(options: { readonly maxBytes: number }): MemoryStream {
  return new BoundedMemoryStream(options.maxBytes);
}

interface Entry {
  readonly pack: Pack;
  /** Order of appending over all lanes. */
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface WaitingReader {
  readonly maxEvents: number;
  readonly resolve: (delivery: Delivery | null) => void;
}

/**
 * An append resolves when its pack is acknowledged, so "appended" means "applied", and a cursor saved behind it needs no stream
 * that outlives the process. Everything here is O(packs held), which are one a lane where the caller keeps to the port.
 */
class BoundedMemoryStream implements MemoryStream {
  readonly #maxBytes: number;
  /** Past the bound, in the order of appending. */
  readonly #outside: Entry[] = [];
  /** Offered to readers, by position. */
  #offered: Entry[] = [];
  readonly #delivered = new Set<Entry>();
  readonly #busyLanes = new Set<number>();
  readonly #readers = new Set<WaitingReader>();
  #heldBytes = 0;
  #appended = 0;
  #isClosed = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  append(pack: Pack): Promise<void> {
    if (this.#isClosed) return Promise.reject(new StreamClosedError());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#outside.push({ pack, position: this.#appended++, resolve, reject });
    this.#admit();
    this.#serve();
    return promise;
  }

  read({ maxEvents, signal }: { readonly maxEvents: number; readonly signal: AbortSignal }): Promise<Delivery | null> {
    const { promise, resolve, reject } = Promise.withResolvers<Delivery | null>();
    const onAbort = () => {
      this.#readers.delete(reader);
      reject(signal.reason);
    };
    const reader: WaitingReader = {
      maxEvents,
      resolve: (delivery) => {
        signal.removeEventListener("abort", onAbort);
        resolve(delivery);
      },
    };
    if (signal.aborted) {
      reject(signal.reason);
      return promise;
    }
    signal.addEventListener("abort", onAbort, { once: true });
    this.#readers.add(reader);
    this.#serve();
    return promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#serve();
  }

  state(): { readonly packs: number; readonly bytes: number } {
    const entries = [...this.#outside, ...this.#offered, ...this.#delivered];
    return { packs: entries.length, bytes: entries.reduce((sum, { pack }) => sum + pack.body.length, 0) };
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const entry of [...this.#outside, ...this.#offered, ...this.#delivered]) entry.reject(new StreamClosedError());
    this.#outside.length = 0;
    this.#offered = [];
    this.#delivered.clear();
    this.#serve();
  }

  #admit(): void {
    for (let entry = this.#outside[0]; entry !== undefined; entry = this.#outside[0]) {
      const bytes = entry.pack.body.length;
      if (this.#heldBytes > 0 && this.#heldBytes + bytes > this.#maxBytes) return;
      this.#heldBytes += bytes;
      this.#offered.push(entry);
      this.#outside.shift();
    }
  }

  /** Gives waiting readers, the longest waiting first, what there is for them. */
  #serve(): void {
    for (const reader of this.#readers) {
      const entries = this.#take(reader.maxEvents);
      const isOver = this.#isClosed && this.#outside.length + this.#offered.length + this.#delivered.size === 0;
      if (entries.length === 0 && !isOver) return;
      this.#readers.delete(reader);
      reader.resolve(entries.length > 0 ? this.#deliver(entries) : null);
    }
  }

  /** The oldest packs of lanes that are free, as many as fit; one always fits. */
  #take(maxEvents: number): readonly Entry[] {
    const taken: Entry[] = [];
    let events = 0;
    for (const entry of this.#offered) {
      if (this.#busyLanes.has(entry.pack.header.lane)) continue;
      events += entry.pack.header.count;
      if (taken.length > 0 && events > maxEvents) break;
      taken.push(entry);
    }
    return taken;
  }

  #deliver(entries: readonly Entry[]): Delivery {
    const mine = new Set(entries);
    this.#offered = this.#offered.filter((entry) => !mine.has(entry));
    for (const entry of entries) {
      this.#delivered.add(entry);
      this.#busyLanes.add(entry.pack.header.lane);
    }
    let isOpen = true;
    const settle = (outcome: (open: readonly Entry[]) => void) => {
      if (!isOpen) return;
      isOpen = false;
      for (const entry of entries) this.#busyLanes.delete(entry.pack.header.lane);
      outcome(entries.filter((entry) => this.#delivered.delete(entry)));
      this.#admit();
      this.#serve();
    };
    return {
      packs: entries.map(({ pack }) => pack),
      acknowledge: () => settle((open) => this.#acknowledge(open)),
      release: () => settle((open) => this.#takeBack(open)),
    };
  }

  #acknowledge(entries: readonly Entry[]): void {
    for (const { pack, resolve } of entries) {
      this.#heldBytes -= pack.body.length;
      resolve();
    }
  }

  #takeBack(entries: readonly Entry[]): void {
    this.#offered = [...entries, ...this.#offered].toSorted((a, b) => a.position - b.position);
  }
}
