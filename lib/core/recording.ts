// In: a recording file (.spr). Out: its frames, repos, account states and DID documents, block by block.
//
// A recording is 16 bytes of magic and then blocks: [u8 kind][u32 LE stored length][u32 LE inflated length]
// [u32 LE CRC-32 of the stored bytes][stored bytes: one zstd frame]. 'm' comes first and 'e' last; in between any number of 'f' and
// 'r', one 's' and one 'd'. Each block is inflated by itself, so that serving the frames of a long recording needs the memory of one.
import { crc32, zstdDecompressSync } from "node:zlib";

/** The first 16 bytes of every recording. */
export const RECORDING_MAGIC = "STANDPIPE-REC-1\n";
/** kind, stored length, inflated length, checksum. */
export const RECORDING_BLOCK_HEADER_BYTES = 13;
/** The reader refuses a block that says it is longer than this, before it inflates anything. */
export const RECORDING_MAX_INFLATED_BYTES = 64 * 1024 * 1024;

/** 'm' meta, 'f' frames, 's' account states, 'd' DID documents, 'r' repos, 'e' end. */
export type RecordingBlockKind = "m" | "f" | "s" | "d" | "r" | "e";

export interface RecordingMeta {
  readonly formatVersion: 1;
  /** When the recording was made, RFC 3339. */
  readonly recordedAt: string;
  /** What was recorded, in words. */
  readonly source: string;
  readonly frames: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly accounts: number;
}

/** What the network said last about an account, in #identity and #account. */
export interface RecordedAccount {
  /** Absent where no #identity carried one. */
  readonly handle?: string;
  readonly active: boolean;
  /** Only where the account is not active. */
  readonly status?: string;
}

export interface RecordedRepo {
  readonly did: string;
  /** The repo as getRepo gave it; for an account that ends inactive, as it was just before. */
  readonly car: Uint8Array;
}

/** A block as it stands in the file: checksum compared, not yet inflated. */
export interface RecordingBlock {
  readonly kind: RecordingBlockKind;
  /** Where its header begins in the file. */
  readonly byteOffset: number;
  readonly inflatedLength: number;
  readonly stored: Uint8Array;
}

/** An opened recording. Each generator inflates one block at a time and throws RecordingError where a block is damaged. */
export interface Recording {
  readonly meta: RecordingMeta;
  frames(): Generator<Uint8Array>;
  repos(): Generator<RecordedRepo>;
  accounts(): Map<string, RecordedAccount>;
  didDocuments(): Map<string, unknown>;
}

/** The bytes are no recording, or a damaged one. The message says what is wrong and at which byte of the file. */
export class RecordingError extends Error {
  override readonly name = "RecordingError";
  readonly byteOffset: number;
  constructor(message: string, byteOffset: number, options?: ErrorOptions) {
    super(message, options);
    this.byteOffset = byteOffset;
  }
}

/**
 * Checks the magic, every block's header and checksum, and that the file is whole; inflates only the meta and end blocks. `bytes` must not
 * change afterwards. Throws RecordingError.
 */
export function openRecording(bytes: Uint8Array): Recording {
  const blocks = [...readRecordingBlocks(bytes)];
  const meta = parseMeta(onlyBlock(blocks, "m"));
  const counts = parseCounts(onlyBlock(blocks, "e"));
  const states = onlyBlock(blocks, "s");
  const documents = onlyBlock(blocks, "d");
  return {
    meta,
    frames: () => entriesOf(blocks, { kind: "f", decode: decodeFramesBlock, expected: counts.frames }),
    repos: () => entriesOf(blocks, { kind: "r", decode: decodeReposBlock, expected: counts.repos }),
    accounts: () =>
      new Map(Object.entries(parseObject(states)).map(([did, state]) => [did, parseAccount(states, state)])),
    didDocuments: () => new Map(Object.entries(parseObject(documents))),
  };
}

/** Every block in the order of the file, with its checksum compared. Throws RecordingError at the first that is not whole. */
export function* readRecordingBlocks(bytes: Uint8Array): Generator<RecordingBlock> {
  checkMagic(bytes);
  let at = RECORDING_MAGIC.length;
  let kind: RecordingBlockKind | undefined;
  while (kind !== "e") {
    const block = readBlock(bytes, at);
    if ((kind === undefined) !== (block.kind === "m")) {
      throw new RecordingError(`block '${block.kind}' at byte ${at} is out of place: 'm' comes first, and once`, at);
    }
    yield block;
    kind = block.kind;
    at += RECORDING_BLOCK_HEADER_BYTES + block.stored.length;
  }
  if (at !== bytes.length) throw new RecordingError(`recording goes on after its end at byte ${at}`, at);
}

/** What a header says is not believed with more memory than this at once. */
const MAX_CHUNK_BYTES = 16 * 1024 * 1024;

/** The block's content. Throws RecordingError where it is not a zstd frame of exactly the length that its header says. */
export function inflateRecordingBlock(block: RecordingBlock): Uint8Array {
  let inflated: Uint8Array | undefined;
  try {
    // In one chunk: by default 16 KiB at a time are made and put together afterwards.
    const whole = Math.max(1, block.inflatedLength);
    inflated = zstdDecompressSync(block.stored, {
      maxOutputLength: whole,
      chunkSize: Math.min(Math.max(64, whole), MAX_CHUNK_BYTES),
    });
  } catch (cause) {
    throw new RecordingError(`block '${block.kind}' at byte ${block.byteOffset} cannot be inflated`, block.byteOffset, {
      cause,
    });
  }
  if (inflated.length === block.inflatedLength) return inflated;
  const problem = `inflates to ${inflated.length} bytes, not ${block.inflatedLength}`;
  throw new RecordingError(`block '${block.kind}' at byte ${block.byteOffset} ${problem}`, block.byteOffset);
}

/** The frames of an 'f' block: views of one inflated buffer. */
export function* decodeFramesBlock(block: RecordingBlock): Generator<Uint8Array> {
  const reader = new EntryReader(block);
  while (!reader.done) yield reader.take(reader.uint32());
}

/** The repos of an 'r' block: views of one inflated buffer. */
export function* decodeReposBlock(block: RecordingBlock): Generator<RecordedRepo> {
  const reader = new EntryReader(block);
  while (!reader.done) {
    const did = Buffer.from(reader.take(reader.uint16())).toString("utf8");
    yield { did, car: reader.take(reader.uint32()) };
  }
}

function checkMagic(bytes: Uint8Array): void {
  const found = Buffer.from(bytes.subarray(0, RECORDING_MAGIC.length)).toString("latin1");
  if (found === RECORDING_MAGIC) return;
  if (found.length > 0 && RECORDING_MAGIC.startsWith(found)) {
    throw new RecordingError(
      `recording is cut short at byte ${found.length}: within its first ${RECORDING_MAGIC.length} bytes`,
      found.length,
    );
  }
  throw new RecordingError(`not a recording: ${JSON.stringify(RECORDING_MAGIC)} is not at byte 0`, 0);
}

function readBlock(bytes: Uint8Array, at: number): RecordingBlock {
  const rest = bytes.length - at;
  if (rest < RECORDING_BLOCK_HEADER_BYTES) {
    const what =
      rest === 0 ? "its end block is missing" : `a block's header wants ${RECORDING_BLOCK_HEADER_BYTES} bytes`;
    throw new RecordingError(`recording is cut short at byte ${bytes.length}: ${what}`, bytes.length);
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset + at, RECORDING_BLOCK_HEADER_BYTES);
  const kind = parseKind(header.getUint8(0), at);
  const storedLength = header.getUint32(1, true);
  const inflatedLength = header.getUint32(5, true);
  if (inflatedLength > RECORDING_MAX_INFLATED_BYTES) {
    throw new RecordingError(
      `block '${kind}' at byte ${at} says ${inflatedLength} bytes inflated; at most ${RECORDING_MAX_INFLATED_BYTES} are allowed`,
      at,
    );
  }
  const from = at + RECORDING_BLOCK_HEADER_BYTES;
  if (storedLength > bytes.length - from) {
    const wants = `block '${kind}' wants ${storedLength} bytes from byte ${from}`;
    throw new RecordingError(`recording is cut short at byte ${bytes.length}: ${wants}`, bytes.length);
  }
  const stored = bytes.subarray(from, from + storedLength);
  if (crc32(stored) !== header.getUint32(9, true))
    throw new RecordingError(`checksum of block '${kind}' at byte ${at} does not match`, at);
  return { kind, byteOffset: at, inflatedLength, stored };
}

function parseKind(code: number, at: number): RecordingBlockKind {
  const kind = String.fromCharCode(code);
  switch (kind) {
    case "m":
    case "f":
    case "s":
    case "d":
    case "r":
    case "e":
      return kind;
    default:
      throw new RecordingError(`unknown block kind 0x${code.toString(16).padStart(2, "0")} at byte ${at}`, at);
  }
}

function onlyBlock(blocks: readonly RecordingBlock[], kind: RecordingBlockKind): RecordingBlock {
  const [block, second] = blocks.filter((candidate) => candidate.kind === kind);
  const last = blocks.at(-1)?.byteOffset ?? 0;
  if (block === undefined)
    throw new RecordingError(`block '${kind}' is missing before the end block at byte ${last}`, last);
  if (second !== undefined)
    throw new RecordingError(`second block '${kind}' at byte ${second.byteOffset}`, second.byteOffset);
  return block;
}

interface EntriesOf<T> {
  readonly kind: "f" | "r";
  readonly decode: (block: RecordingBlock) => Iterable<T>;
  /** The end block's count: a reader that stopped early or ran past it would be wrong in silence. */
  readonly expected: number;
}

function* entriesOf<T>(blocks: readonly RecordingBlock[], { kind, decode, expected }: EntriesOf<T>): Generator<T> {
  let count = 0;
  for (const block of blocks) {
    if (block.kind !== kind) continue;
    for (const entry of decode(block)) {
      count++;
      yield entry;
    }
  }
  const end = blocks.at(-1)?.byteOffset ?? 0;
  if (count !== expected)
    throw new RecordingError(
      `end block at byte ${end} counts ${expected} entries of '${kind}', there are ${count}`,
      end,
    );
}

/** Reads length-prefixed entries of an inflated block; an entry that passes the block's end is a RecordingError. */
class EntryReader {
  readonly #block: RecordingBlock;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(block: RecordingBlock) {
    this.#block = block;
    this.#bytes = inflateRecordingBlock(block);
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  uint16(): number {
    const [low = 0, high = 0] = this.take(2);
    return low + high * 2 ** 8;
  }

  uint32(): number {
    return this.uint16() + this.uint16() * 2 ** 16;
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) {
      const { kind, byteOffset } = this.#block;
      throw new RecordingError(
        `block '${kind}' at byte ${byteOffset}: an entry ends after its inflated ${this.#bytes.length} bytes`,
        byteOffset,
      );
    }
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

function parseObject(block: RecordingBlock): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(inflateRecordingBlock(block)));
  } catch (cause) {
    if (cause instanceof RecordingError) throw cause;
    throw new RecordingError(`block '${block.kind}' at byte ${block.byteOffset} is not JSON`, block.byteOffset, {
      cause,
    });
  }
  if (isObject(value)) return value;
  throw new RecordingError(`block '${block.kind}' at byte ${block.byteOffset} is not a JSON object`, block.byteOffset);
}

function parseMeta(block: RecordingBlock): RecordingMeta {
  const { formatVersion, recordedAt, source, frames, firstSeq, lastSeq, accounts } = parseObject(block);
  const strings = typeof recordedAt === "string" && typeof source === "string";
  if (
    formatVersion !== 1 ||
    !strings ||
    !isCount(frames) ||
    !isCount(firstSeq) ||
    !isCount(lastSeq) ||
    !isCount(accounts)
  ) {
    throw new RecordingError(
      `meta block at byte ${block.byteOffset} has not the fields of format version 1`,
      block.byteOffset,
    );
  }
  return { formatVersion, recordedAt, source, frames, firstSeq, lastSeq, accounts };
}

function parseCounts(block: RecordingBlock): { frames: number; repos: number } {
  const { frames, repos } = parseObject(block);
  if (isCount(frames) && isCount(repos)) return { frames, repos };
  throw new RecordingError(`end block at byte ${block.byteOffset} has no counts`, block.byteOffset);
}

function parseAccount(block: RecordingBlock, value: unknown): RecordedAccount {
  if (isObject(value) && typeof value.active === "boolean") {
    const { handle, active, status } = value;
    return { ...(typeof handle === "string" && { handle }), active, ...(typeof status === "string" && { status }) };
  }
  throw new RecordingError(`block 's' at byte ${block.byteOffset} has an account without a state`, block.byteOffset);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
