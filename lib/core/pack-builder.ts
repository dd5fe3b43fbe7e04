/** Events of one lane, one by one, to packs. */
import { ByteWriter } from "./byte-writer.ts";
import type { FirehoseEvent } from "./event.ts";
import type { Pack, PackHeader } from "./pack.ts";
import { type EnvelopeContext, writeEnvelope } from "./pack-envelope.ts";

const FIRST_CAPACITY_BYTES = 1024;
/** Larger buffers go with their pack: a deployment may have thousands of lanes, most of them idle at a time. */
const KEPT_CAPACITY_BYTES = 16 * 1024;

export type PackIdentity = Omit<PackHeader, "firstSeq" | "lastSeq" | "count">;

export class PackBuilder {
  #out = new ByteWriter(FIRST_CAPACITY_BYTES);
  #context: EnvelopeContext = { seq: 0, receivedAtMs: 0 };
  #firstSeq = 0;
  #count = 0;

  /** Events since the last seal. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of their envelopes. */
  get byteLength(): number {
    return this.#out.length;
  }

  /** Throws a RangeError for values that no decoder of ours makes; the builder is then as it was before. */
  append(event: FirehoseEvent): void {
    const before = this.#out.length;
    try {
      writeEnvelope(this.#out, event, this.#context);
    } catch (error) {
      this.#out.rewind(before);
      throw error;
    }
    if (this.#count === 0) this.#firstSeq = event.seq;
    this.#count++;
  }

  /** The pack of what was appended, with a body of its own, and the builder empty again. Throws where nothing was appended. */
  seal(identity: PackIdentity): Pack {
    if (this.#count === 0) throw new RangeError("a pack holds at least one event");
    const header = { ...identity, firstSeq: this.#firstSeq, lastSeq: this.#context.seq, count: this.#count };
    const body = this.#out.copy();
    if (this.#out.capacity > KEPT_CAPACITY_BYTES) this.#out = new ByteWriter(FIRST_CAPACITY_BYTES);
    else this.#out.rewind(0);
    this.#context = { seq: 0, receivedAtMs: 0 };
    this.#count = 0;
    return { header, body };
  }
}
