/** Frame blocks of a recording made of given frames, for tests that need a recording of a certain shape. */
import { encodeRecording } from "../../lib/core/encode-recording.ts";
import { type RecordingBlock, readRecordingBlocks } from "../../lib/core/recording.ts";
import { identityFrame } from "./event-frames.ts";

export function recordingOf(frames: readonly Uint8Array[]): Buffer {
  const meta = {
    formatVersion: 1,
    recordedAt: "2026-11-01T00:00:00.000Z",
    source: "made for a test",
    frames: frames.length,
    firstSeq: 1,
    lastSeq: frames.length,
    accounts: 0,
  } as const;
  return Buffer.concat([...encodeRecording({ meta, frames, repos: [], accounts: new Map(), didDocuments: new Map() })]);
}

export function frameBlocksOf(frames: readonly Uint8Array[]): RecordingBlock[] {
  return [...readRecordingBlocks(recordingOf(frames))].filter(({ kind }) => kind === "f");
}

/** One event per seq. */
export function frameBlocksOfSeqs(...seqs: number[]): RecordingBlock[] {
  return frameBlocksOf(seqs.map((seq) => identityFrame(seq)));
}
