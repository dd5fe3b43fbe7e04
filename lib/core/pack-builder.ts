/** Events of one lane, one by one, to packs. */
import { ByteWriter } from "./byte-writer.ts";
import type { FirehoseEvent } from "./event.ts";
import type { Pack, PackHeader } from "./pack.ts";
import { bodyLength, type Halves, joinHalves } from "./pack-body.ts";
import { newContext } from "./pack-envelope-layout.ts";
import { writeEnvelope } from "./pack-envelope-write.ts";

const FIRST_CAPACITY_BYTES = 1024;
/** Larger buffers go with their pack: a deployment may have thousands of lanes, most of them idle at a time. */
const KEPT_CAPACITY_BYTES = 16 * 1024;

export type PackIdentity = Omit<PackHeader, "firstSeq" | "lastSeq" | "count">;

export class PackBuilder {
  #out = newHalves();
  #context = newContext();
  #firstSeq = 0;
  #count = 0;
  /** What the last large pack took: its successor takes about the same, and growing there by doubling would leave three times as much behind. */
  #nextCapacity = { words: 0, figures: 0 };

  /** Events since the last seal. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the body that they make. */
  get byteLength(): number {
    return bodyLength(this.#out);
  }

  /** Throws a RangeError for values that no decoder of ours makes; the builder is then as it was before. */
  append(event: FirehoseEvent): void {
    if (this.#count === 0) this.#makeRoom();
    const { words, figures } = this.#out;
    const [wordsBefore, figuresBefore] = [words.length, figures.length];
    try {
      writeEnvelope(this.#out, event, this.#context);
    } catch (error) {
      words.rewind(wordsBefore);
      figures.rewind(figuresBefore);
      throw error;
    }
    if (this.#count === 0) this.#firstSeq = event.seq;
    this.#count++;
  }

  /** The pack of what was appended, with a body of its own, and the builder empty again. Throws where nothing was appended. */
  seal(identity: PackIdentity): Pack {
    if (this.#count === 0) throw new RangeError("a pack holds at least one event");
    const header = { ...identity, firstSeq: this.#firstSeq, lastSeq: this.#context.seq, count: this.#count };
    const { words, figures } = this.#out;
    const body = joinHalves(this.#out);
    if (words.capacity + figures.capacity > KEPT_CAPACITY_BYTES) {
      this.#nextCapacity = { words: words.length, figures: figures.length };
      this.#out = newHalves();
    }
    words.rewind(0);
    figures.rewind(0);
    this.#context = newContext();
    this.#count = 0;
    return { header, body };
  }

  #makeRoom(): void {
    this.#out.words.reserve(this.#nextCapacity.words);
    this.#out.figures.reserve(this.#nextCapacity.figures);
    this.#nextCapacity = { words: 0, figures: 0 };
  }
}

function newHalves(): Halves<ByteWriter> {
  return { words: new ByteWriter(FIRST_CAPACITY_BYTES), figures: new ByteWriter(FIRST_CAPACITY_BYTES) };
}
