/** Events of one lane to packs, one pack in flight at a time. */
import type { RelayPosition } from "../core/cursor.ts";
import type { FirehoseEvent } from "../core/event.ts";
import type { Pack } from "../core/pack.ts";
import { PackBuilder } from "../core/pack-builder.ts";
import type { PackWriter } from "../stream/port.ts";
import { AppendError, IngestClosedError } from "./errors.ts";

/** What one event costs beside its envelope: its share of objects on both sides of the stream. */
const EVENT_OVERHEAD_BYTES = 200;

export interface LaneWriterOptions {
  readonly lane: number;
  readonly lanes: number;
  readonly fence: number;
  readonly writer: PackWriter;
  /** The lane's oldest sealed pack is durable, and `bytes` of the budget are free. */
  readonly onDurable: (lane: LaneWriter, pack: Pack, bytes: number) => void;
  readonly onFault: (fault: Error) => void;
}

export class LaneWriter {
  readonly lane: number;
  readonly #options: LaneWriterOptions;
  readonly #builder = new PackBuilder();
  /** Resolves when all that was sealed is durable. A pack that fails leaves it rejected: none may follow. */
  #tail: Promise<void> = Promise.resolve();
  #packsInFlight = 0;
  #sealed = 0;
  #isStopped = false;

  constructor(options: LaneWriterOptions) {
    this.lane = options.lane;
    this.#options = options;
  }

  /** Events in the open pack. */
  get count(): number {
    return this.#builder.count;
  }

  /** Bytes of the open pack. */
  get byteLength(): number {
    return this.#builder.byteLength;
  }

  /** A pack of this lane is on its way. */
  get isBusy(): boolean {
    return this.#packsInFlight > 0;
  }

  get tail(): Promise<void> {
    return this.#tail;
  }

  /** Returns the bytes that the event takes of the budget. */
  append(event: FirehoseEvent): number {
    const before = this.#builder.byteLength;
    this.#builder.append(event);
    return this.#builder.byteLength - before + EVENT_OVERHEAD_BYTES;
  }

  /** Closes the open pack and sends it as soon as those before it are durable. */
  seal({ relay, epoch }: RelayPosition): void {
    const { lane, lanes, fence, onFault } = this.#options;
    this.#sealed++;
    const pack = this.#builder.seal({ lane, lanes, relay, epoch, fence, number: this.#sealed });
    this.#packsInFlight++;
    this.#tail = this.#tail.then(() => this.#send(pack));
    this.#tail.catch(onFault);
  }

  /** Sends nothing more; what is on its way may still arrive. */
  stop(): void {
    this.#isStopped = true;
  }

  async #send(pack: Pack): Promise<void> {
    if (this.#isStopped) throw new IngestClosedError();
    const { lane, writer, onDurable } = this.#options;
    try {
      await writer.append(pack);
    } catch (cause) {
      throw new AppendError({ lane, number: pack.header.number }, { cause });
    }
    this.#packsInFlight--;
    onDurable(this, pack, pack.body.length + pack.header.count * EVENT_OVERHEAD_BYTES);
  }
}
