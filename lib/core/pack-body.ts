/**
 * The two halves of a body, and bytes ⇄ halves. *Words* are what comes again and again: texts, records, codes. *Figures* are
 * numbers and digests: nothing makes them smaller, and among the words they would spoil the compressor's statistics, so that it
 * spends six or seven bits on each character of the 32-letter texts that DIDs, record keys and CIDs are.
 */
import { ByteFault, ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

export interface Halves<Half> {
  readonly words: Half;
  readonly figures: Half;
}

/** Length of the body: the length of the words, the words, the figures. 0 where nothing was written. */
export function bodyLength({ words, figures }: Halves<ByteWriter>): number {
  return words.length + figures.length === 0 ? 0 : varintBytes(words.length) + words.length + figures.length;
}

/** The body as bytes of its own. */
export function joinHalves(halves: Halves<ByteWriter>): Uint8Array<ArrayBuffer> {
  const body = new ByteWriter(bodyLength(halves));
  body.varint(halves.words.length);
  body.append(halves.words);
  body.append(halves.figures);
  return body.take();
}

/** Readers of both halves; their offsets count from the start of the body. Throws a ByteFault where it is shorter than it says. */
export function readHalves(body: Uint8Array): Halves<ByteReader> {
  const from = new ByteReader(body);
  const wordsLength = from.varint();
  const figuresAt = from.offset + wordsLength;
  if (figuresAt > body.length) throw new ByteFault("truncated", from.offset);
  return { words: new ByteReader(body, from.offset, figuresAt), figures: new ByteReader(body, figuresAt) };
}

/** Where the figures begin; the end of the bytes where they are no body. */
export function figuresOffset(body: Uint8Array): number {
  try {
    return readHalves(body).figures.offset;
  } catch (error) {
    if (error instanceof ByteFault) return body.length;
    throw error;
  }
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest /= 0x80) count++;
  return count;
}
