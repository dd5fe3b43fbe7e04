/** A recording's frame blocks → frames by position and by seq, with at most two blocks inflated. */
import { decodeFramesBlock, type RecordingBlock } from "../../core/recording.ts";
import { locateSeq, type SeqPlace } from "./frame-seq.ts";

export interface StoredFrame {
  readonly bytes: Uint8Array;
  /** Of the frame, or of the nearest before it that has one. */
  readonly seq: number;
  /** null where the frame has none of its own. */
  readonly place: SeqPlace | null;
}

interface BlockIndex {
  readonly block: RecordingBlock;
  /** Position of its first frame in the recording. */
  readonly first: number;
  /** Of each frame: where its seq stands, found once. */
  readonly places: readonly (SeqPlace | null)[];
  readonly lastSeq: number;
}

/** One for clients that are far on, one for those that begin. */
const INFLATED_BLOCKS = 2;

export class FrameStore {
  readonly #index: readonly BlockIndex[];
  /** Insertion order is order of use: the first is dropped. */
  readonly #inflated = new Map<BlockIndex, readonly StoredFrame[]>();

  /** Inflates every block once. Throws RecordingError. */
  constructor(blocks: readonly RecordingBlock[]) {
    const index: BlockIndex[] = [];
    let first = 0;
    let lastSeq = 0;
    for (const block of blocks) {
      const places = Array.from(decodeFramesBlock(block), locateSeq);
      lastSeq = places.findLast((place) => place !== null)?.seq ?? lastSeq;
      index.push({ block, first, places, lastSeq });
      first += places.length;
    }
    this.#index = index;
  }

  /** How many frames there are. */
  get length(): number {
    const last = this.#index.at(-1);
    return last === undefined ? 0 : last.first + last.places.length;
  }

  get lastSeq(): number {
    return this.#index.at(-1)?.lastSeq ?? 0;
  }

  get firstSeq(): number {
    return this.length === 0 ? 0 : (this.from(0)[0]?.seq ?? 0);
  }

  /** Frames from a position on, as many as its block has, `max` at the most; none at the end. To be used up before the next call. */
  from(position: number, max = 1): readonly StoredFrame[] {
    const block = this.#index.findLast(({ first }) => first <= position);
    if (block === undefined) return [];
    const offset = position - block.first;
    return this.#framesOf(block).slice(offset, offset + max);
  }

  /** Position of the first frame whose seq is greater than `seq`; `length` where there is none. */
  positionAfter(seq: number): number {
    const block = this.#index.find((candidate) => candidate.lastSeq > seq);
    if (block === undefined) return this.length;
    return block.first + this.#framesOf(block).findIndex((frame) => frame.seq > seq);
  }

  #framesOf(block: BlockIndex): readonly StoredFrame[] {
    const position = this.#index.indexOf(block);
    const before = this.#index[position - 1]?.lastSeq ?? 0;
    const frames = this.#inflated.get(block) ?? readFrames(block, before);
    this.#inflated.delete(block);
    this.#inflated.set(block, frames);
    for (const oldest of this.#inflated.keys()) {
      if (this.#inflated.size <= INFLATED_BLOCKS) break;
      this.#inflated.delete(oldest);
    }
    return frames;
  }
}

function readFrames({ block, places }: BlockIndex, lastSeq: number): StoredFrame[] {
  let seq = lastSeq;
  return Array.from(decodeFramesBlock(block), (bytes, index) => {
    const place = places[index] ?? null;
    seq = place?.seq ?? seq;
    return { bytes, seq, place };
  });
}
