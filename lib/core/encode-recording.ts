// In: frames, repos, account states and DID documents. Out: a recording file (.spr), as recording.ts reads it.
import { constants, crc32, zstdCompressSync } from "node:zlib";
import {
  RECORDING_MAGIC,
  RECORDING_MAX_INFLATED_BYTES,
  type RecordedAccount,
  type RecordedRepo,
  type RecordingBlockKind,
  type RecordingMeta,
} from "./recording.ts";

/** The writer begins a new 'f' or 'r' block rather than pass this, unless one frame or repo alone is longer. */
export const RECORDING_BLOCK_TARGET_BYTES = 16 * 1024 * 1024;

/** What is recorded once and kept is worth the slowest. */
const DEFAULT_ZSTD_LEVEL = 19;
/** 2^24 bytes: as long as a block, because MST nodes come again many commits later. */
const ZSTD_WINDOW_LOG = 24;

/** What a recording is made of. `frames` and `repos` are read once, in order. */
export interface RecordingContent {
  readonly meta: RecordingMeta;
  readonly frames: Iterable<Uint8Array>;
  readonly repos: Iterable<RecordedRepo>;
  readonly accounts: ReadonlyMap<string, RecordedAccount>;
  readonly didDocuments: ReadonlyMap<string, unknown>;
  /** 1 to 19; 19 where it is not given. */
  readonly zstdLevel?: number;
}

/**
 * The file, piece by piece. Throws RangeError where a frame or repo alone is longer than a block may be, and where `meta.frames` is not
 * the number of frames (the last piece is missing then).
 */
export function* encodeRecording(content: RecordingContent): Generator<Uint8Array> {
  const counts = { frames: 0, repos: 0 };
  yield Buffer.from(RECORDING_MAGIC, "latin1");
  const level = content.zstdLevel ?? DEFAULT_ZSTD_LEVEL;
  yield encodeBlock("m", jsonBytes(content.meta), level);
  yield* encodeEntries("f", content.frames, level, (frame) => {
    counts.frames++;
    return [uint32(frame.length), frame];
  });
  if (counts.frames !== content.meta.frames)
    throw new RangeError(`meta says ${content.meta.frames} frames, there were ${counts.frames}`);
  yield encodeBlock("s", jsonBytes(Object.fromEntries(content.accounts)), level);
  yield encodeBlock("d", jsonBytes(Object.fromEntries(content.didDocuments)), level);
  yield* encodeEntries("r", content.repos, level, ({ did, car }) => {
    counts.repos++;
    const name = Buffer.from(did, "utf8");
    return [uint16(name.length), name, uint32(car.length), car];
  });
  yield encodeBlock("e", jsonBytes(counts), level);
}

function encodeBlock(kind: RecordingBlockKind, content: Uint8Array, level: number): Uint8Array {
  if (content.length > RECORDING_MAX_INFLATED_BYTES) {
    throw new RangeError(
      `block '${kind}' of ${content.length} bytes passes the limit of ${RECORDING_MAX_INFLATED_BYTES}`,
    );
  }
  const stored = zstdCompressSync(content, {
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_windowLog]: ZSTD_WINDOW_LOG,
      [constants.ZSTD_c_enableLongDistanceMatching]: 1,
    },
  });
  const header = [Buffer.from(kind, "latin1"), uint32(stored.length), uint32(content.length), uint32(crc32(stored))];
  return Buffer.concat([...header, stored]);
}

function* encodeEntries<T>(
  kind: "f" | "r",
  entries: Iterable<T>,
  level: number,
  toParts: (entry: T) => Uint8Array[],
): Generator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for (const entry of entries) {
    const added = toParts(entry);
    const addedLength = added.reduce((sum, part) => sum + part.length, 0);
    if (length > 0 && length + addedLength > RECORDING_BLOCK_TARGET_BYTES) {
      yield encodeBlock(kind, Buffer.concat(parts), level);
      parts = [];
      length = 0;
    }
    parts.push(...added);
    length += addedLength;
  }
  if (length > 0) yield encodeBlock(kind, Buffer.concat(parts), level);
}

function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value), "utf8");
}

function uint16(value: number): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
