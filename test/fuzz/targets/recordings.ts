/** Recording files: as they are, and with blocks whose content was changed behind lengths and checksums that fit. */
import { crc32, zstdCompressSync } from "node:zlib";
import {
  inflateRecordingBlock,
  openRecording,
  RECORDING_BLOCK_HEADER_BYTES,
  RECORDING_MAGIC,
  RecordingError,
  readRecordingBlocks,
} from "../../../lib/core/recording.ts";
import { recordedFrames } from "../../support/recorded-frames.ts";
import { recordingOf } from "../../support/small-recording.ts";
import { type FuzzTarget, promise } from "../fuzz.ts";
import { mutate, type Random } from "../mutate.ts";

export const recordingsTarget: FuzzTarget = {
  name: "recording",
  inputs: () => Array.from({ length: 20 }, (_, index) => recordingOf(recordedFrames.slice(index * 5, index * 5 + 4))),
  mutate: (bytes, random, other) =>
    random(3) === 0 ? mutate(bytes, random, other) : insideOneBlock(bytes, random, other),
  read(bytes) {
    try {
      const recording = openRecording(bytes);
      const frames = [...recording.frames()];
      const repos = [...recording.repos()];
      promise(frames.length < bytes.length * 1_000 && repos.length < bytes.length * 1_000, "entries have bytes");
      recording.accounts();
      recording.didDocuments();
      return "recording";
    } catch (error) {
      if (!(error instanceof RecordingError)) throw error;
      promise(error.byteOffset >= 0 && error.byteOffset <= bytes.length, "a fault tells a place within the file");
      // The words of the message without its numbers and names.
      return error.message.replaceAll(/'\w'|0x\w+|[\d,]+/g, "…").slice(0, 60);
    }
  },
};

function insideOneBlock(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  const blocks = blocksOf(bytes);
  const at = random(blocks.length);
  if (blocks.length === 0) return mutate(bytes, random, other);
  const parts = blocks.map(({ kind, content }, index) => {
    const changed = index === at ? mutate(content, random, other) : content;
    const stored = zstdCompressSync(changed);
    const header = Buffer.alloc(RECORDING_BLOCK_HEADER_BYTES);
    header.writeUInt8(kind.charCodeAt(0), 0);
    header.writeUInt32LE(stored.length, 1);
    header.writeUInt32LE(changed.length, 5);
    header.writeUInt32LE(crc32(stored), 9);
    return [header, stored];
  });
  return Buffer.concat([Buffer.from(RECORDING_MAGIC, "latin1"), ...parts.flat()]);
}

/** None where the file is spoiled already. */
function blocksOf(bytes: Uint8Array): { readonly kind: string; readonly content: Uint8Array }[] {
  try {
    return [...readRecordingBlocks(bytes)].map((block) => ({
      kind: block.kind,
      content: inflateRecordingBlock(block),
    }));
  } catch {
    return [];
  }
}
