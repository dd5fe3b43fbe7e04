/** A path → the recording in that file, checked whole, and its frame blocks for reading one at a time. */
import { readFile } from "node:fs/promises";
import {
  openRecording,
  type Recording,
  type RecordingBlock,
  RecordingError,
  readRecordingBlocks,
} from "../../core/recording.ts";

export interface RecordingFile {
  readonly recording: Recording;
  /** The 'f' blocks in order, checksums compared, not inflated. */
  readonly frameBlocks: readonly RecordingBlock[];
}

/**
 * The compressed file stays in memory, a tenth of what it holds; frames are inflated block by block by whoever reads them. Throws
 * RecordingError where the file cannot be read, is no recording, or is cut short or damaged; it says at which byte.
 */
export async function openRecordingFile(path: string): Promise<RecordingFile> {
  const bytes = await readBytes(path);
  const recording = openRecording(bytes);
  const frameBlocks = [...readRecordingBlocks(bytes)].filter((block) => block.kind === "f");
  return { recording, frameBlocks };
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RecordingError(`recording cannot be read at byte 0: ${why}`, 0, { cause });
  }
}
