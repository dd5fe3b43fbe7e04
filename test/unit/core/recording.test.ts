import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  encodeRecording,
  RECORDING_BLOCK_TARGET_BYTES,
  type RecordingContent,
} from "../../../lib/core/encode-recording.ts";
import {
  openRecording,
  RECORDING_BLOCK_HEADER_BYTES,
  RECORDING_MAGIC,
  RECORDING_MAX_INFLATED_BYTES,
  RecordingError,
  readRecordingBlocks,
} from "../../../lib/core/recording.ts";

const FRAMES = [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.from({ length: 300 }, (_, index) => index % 251)];
const DIDS = ["did:plc:abc", "did:web:example.com"];

function content(changes: Partial<RecordingContent> = {}): RecordingContent {
  const frames = changes.frames === undefined ? FRAMES : [...changes.frames];
  return {
    meta: {
      formatVersion: 1,
      recordedAt: "2026-11-21T00:00:00.000Z",
      source: "a test",
      frames: frames.length,
      firstSeq: 1,
      lastSeq: 9,
      accounts: 2,
    },
    repos: DIDS.map((did, index) => ({ did, car: new Uint8Array(index * 70_000).fill(index) })),
    accounts: new Map([
      ["did:plc:abc", { handle: "a.test", active: true }],
      ["did:web:example.com", { active: false, status: "deleted" }],
    ]),
    didDocuments: new Map<string, unknown>([["did:plc:abc", { id: "did:plc:abc", alsoKnownAs: ["at://ä.test"] }]]),
    ...changes,
    frames,
  };
}

function encode(changes?: Partial<RecordingContent>): Uint8Array {
  return Buffer.concat([...encodeRecording(content(changes))]);
}

/** Reads all that a recording has: what a file of a hostile maker is put through. */
function readAll(bytes: Uint8Array): object {
  const recording = openRecording(bytes);
  return {
    meta: recording.meta,
    frames: [...recording.frames()].map((frame) => [...frame]),
    repos: [...recording.repos()].map(({ did, car }) => ({ did, car: [...car] })),
    accounts: recording.accounts(),
    didDocuments: recording.didDocuments(),
  };
}

function failure(bytes: Uint8Array): RecordingError {
  try {
    readAll(bytes);
  } catch (error) {
    if (error instanceof RecordingError) return error;
    throw error;
  }
  throw new Error("was read without complaint");
}

/** A block whose header may say what it likes; its checksum is right. */
function block(kind: string, stored: Uint8Array, inflatedLength: number): Uint8Array {
  const header = Buffer.alloc(RECORDING_BLOCK_HEADER_BYTES);
  header.write(kind, 0, "latin1");
  header.writeUInt32LE(stored.length, 1);
  header.writeUInt32LE(inflatedLength, 5);
  header.writeUInt32LE(crc32(stored), 9);
  return Buffer.concat([header, stored]);
}

function packedBlock(kind: string, inflated: Uint8Array): Uint8Array {
  return block(kind, zstdCompressSync(inflated), inflated.length);
}

/** The file with one of its blocks changed, dropped or doubled. */
function withBlock(kind: string, change: (original: Uint8Array) => Uint8Array): Uint8Array {
  const bytes = encode();
  const parts = [...readRecordingBlocks(bytes)].map((found) => {
    const original = bytes.subarray(
      found.byteOffset,
      found.byteOffset + RECORDING_BLOCK_HEADER_BYTES + found.stored.length,
    );
    return found.kind === kind ? change(original) : original;
  });
  return Buffer.concat([Buffer.from(RECORDING_MAGIC), ...parts]);
}

describe("a recording", () => {
  test("gives back what was put in", () => {
    const { meta, repos, accounts, didDocuments } = content();
    expect(readAll(encode())).toEqual({
      meta,
      frames: FRAMES.map((frame) => [...frame]),
      repos: [...repos].map(({ did, car }) => ({ did, car: [...car] })),
      accounts,
      didDocuments,
    });
  });

  test("may be without frames and repos", () => {
    const recording = openRecording(encode({ frames: [], repos: [] }));
    expect([...recording.frames()]).toEqual([]);
    expect([...recording.repos()]).toEqual([]);
  });

  test("gives back any frames in their order", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 30 }), (frames) => {
        const read = [...openRecording(encode({ frames })).frames()];
        expect(read.map((frame) => [...frame])).toEqual(frames.map((frame) => [...frame]));
      }),
      { numRuns: 30 },
    );
  });

  test("is cut into blocks that can each be inflated alone", () => {
    const third = Math.ceil(RECORDING_BLOCK_TARGET_BYTES / 3);
    const frames = [1, 2, 3, 4].map((fill) => new Uint8Array(third).fill(fill));
    const bytes = encode({ frames });
    const lengths = [...readRecordingBlocks(bytes)]
      .filter(({ kind }) => kind === "f")
      .map(({ inflatedLength }) => inflatedLength);
    expect(lengths).toEqual([2 * (third + 4), 2 * (third + 4)]);
    expect([...openRecording(bytes).frames()].map((frame) => frame[0])).toEqual([1, 2, 3, 4]);
  });

  test("is not written with another number of frames than its meta says", () => {
    const { meta } = content();
    expect(() => encode({ meta: { ...meta, frames: 2 } })).toThrow(RangeError);
  });
});

describe("a recording that is damaged", () => {
  test.each([
    ["empty", new Uint8Array(0)],
    ["something else", Buffer.from("PK\u0003\u0004 and so on, for a while")],
    ["another version", Buffer.from("STANDPIPE-REC-2\n")],
  ])("is not a recording when it is %s", (_, bytes) => {
    expect(failure(bytes)).toMatchObject({
      message: expect.stringMatching(/^not a recording: .* at byte 0$/s),
      byteOffset: 0,
    });
  });

  test("says at which byte it was cut, wherever that is", () => {
    const bytes = encode();
    for (let length = 1; length < bytes.length; length++) {
      const error = failure(bytes.subarray(0, length));
      expect(error.message).toMatch(new RegExp(`^recording is cut short at byte ${length}: `));
      expect(error.byteOffset).toBe(length);
    }
  });

  test("says which block wants how much when it was cut within one", () => {
    const bytes = encode();
    const frames = [...readRecordingBlocks(bytes)].find(({ kind }) => kind === "f");
    if (frames === undefined) throw new Error("no frames");
    const from = frames.byteOffset + RECORDING_BLOCK_HEADER_BYTES;
    expect(failure(bytes.subarray(0, from + 5)).message).toBe(
      `recording is cut short at byte ${from + 5}: block 'f' wants ${frames.stored.length} bytes from byte ${from}`,
    );
    expect(failure(bytes.subarray(0, frames.byteOffset)).message).toMatch(/its end block is missing$/);
    expect(failure(bytes.subarray(0, frames.byteOffset + 1)).message).toMatch(/header wants 13 bytes$/);
  });

  test("never passes with a bit flipped", () => {
    const bytes = encode();
    const whole = readAll(bytes);
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const flipped = Uint8Array.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const error = failure(flipped);
        expect(error.byteOffset).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2000 },
    );
    expect(readAll(bytes)).toEqual(whole);
  });

  test("is told from one with something after its end", () => {
    const bytes = encode();
    const longer = Buffer.concat([bytes, Uint8Array.of(0)]);
    expect(failure(longer).message).toBe(`recording goes on after its end at byte ${bytes.length}`);
  });

  test("is named by the block whose checksum does not match", () => {
    const bytes = Uint8Array.from(encode());
    const states = [...readRecordingBlocks(bytes)].find(({ kind }) => kind === "s");
    const at = states?.byteOffset ?? 0;
    bytes[at + RECORDING_BLOCK_HEADER_BYTES] = (bytes[at + RECORDING_BLOCK_HEADER_BYTES] ?? 0) ^ 1;
    expect(failure(bytes).message).toBe(`checksum of block 's' at byte ${at} does not match`);
  });
});

describe("a recording made to do harm", () => {
  test.each([
    [
      "says it inflates to more than the limit",
      (it: Uint8Array) => block("f", it, RECORDING_MAX_INFLATED_BYTES + 1),
      /at most 67108864/,
    ],
    [
      "inflates to more than it says",
      () => block("f", zstdCompressSync(Buffer.alloc(1_000_000)), 100),
      /cannot be inflated/,
    ],
    [
      "inflates to less than it says",
      () => block("f", zstdCompressSync(Buffer.alloc(10)), 100),
      /inflates to 10 bytes, not 100/,
    ],
    ["holds no zstd frame", () => block("f", Buffer.from("not zstd"), 8), /cannot be inflated/],
    ["has an unknown kind", () => packedBlock("x", Buffer.alloc(1)), /unknown block kind 0x78 at byte/],
    [
      "has an entry longer than itself",
      () => packedBlock("f", Buffer.of(255, 255, 255, 255, 1)),
      /an entry ends after its inflated 5 bytes/,
    ],
    ["ends within an entry's length", () => packedBlock("f", Buffer.of(1, 0)), /an entry ends after/],
    [
      "holds fewer frames than the end says",
      () => packedBlock("f", Buffer.of(0, 0, 0, 0)),
      /counts 3 entries of 'f', there are 1/,
    ],
    ["has no frames at all", () => new Uint8Array(0), /counts 3 entries of 'f', there are 0/],
  ])("is refused when its frames block %s", (_, change, message) => {
    const error = failure(withBlock("f", change));
    expect(error.message).toMatch(message);
  });

  test.each([
    ["m", /'m' comes first/],
    ["s", /block 's' is missing/],
    ["d", /block 'd' is missing/],
    ["r", /counts 2 entries of 'r', there are 0/],
    ["e", /its end block is missing/],
  ])("is refused without its block %s", (kind, message) => {
    expect(failure(withBlock(kind, () => new Uint8Array(0))).message).toMatch(message);
  });

  test.each([
    ["m", /'m' comes first, and once/],
    ["s", /second block 's' at byte/],
    ["d", /second block 'd' at byte/],
    ["e", /goes on after its end/],
  ])("is refused with two blocks %s", (kind, message) => {
    expect(failure(withBlock(kind, (it) => Buffer.concat([it, it]))).message).toMatch(message);
  });

  test.each([
    ["m", "{}", /has not the fields of format version 1/],
    ["m", '{"formatVersion":2}', /has not the fields of format version 1/],
    ["m", "[1]", /is not a JSON object/],
    ["m", "{", /is not JSON/],
    ["e", '{"frames":-1,"repos":1e99}', /end block at byte \d+ has no counts/],
    ["s", '{"did:plc:abc":{"handle":"a"}}', /an account without a state/],
    ["s", '{"did:plc:abc":"\udcff"}', /an account without a state/],
    ["d", "null", /is not a JSON object/],
  ])("is refused when block %s says %s", (kind, json, message) => {
    expect(failure(withBlock(kind, () => packedBlock(kind, Buffer.from(json)))).message).toMatch(message);
  });
});

describe("the recording of a real server in test/fixtures", () => {
  const bytes = readFileSync(join(import.meta.dirname, "../../fixtures/network.spr"));

  test("has at least 6,000 frames, a repo and a DID document for each account, and is a few megabytes", () => {
    const recording = openRecording(bytes);
    const frames = [...recording.frames()];
    expect(frames.length).toBeGreaterThanOrEqual(6000);
    expect(frames.length).toBe(recording.meta.frames);
    expect(new Set([...recording.repos()].map(({ did }) => did))).toEqual(new Set(recording.accounts().keys()));
    expect(new Set(recording.didDocuments().keys())).toEqual(new Set(recording.accounts().keys()));
    expect(recording.accounts().size).toBe(recording.meta.accounts);
    expect(bytes.length).toBeLessThan(6 * 1024 * 1024);
  });

  test("says at which byte it was cut, at every block's edge and anywhere", () => {
    const edges = [...readRecordingBlocks(bytes)].flatMap(({ byteOffset, stored }) => [
      byteOffset,
      byteOffset + RECORDING_BLOCK_HEADER_BYTES,
      byteOffset + RECORDING_BLOCK_HEADER_BYTES + stored.length,
    ]);
    const near = edges.flatMap((edge) => [edge - 1, edge, edge + 1]).filter((length) => length < bytes.length);
    const anywhere = fc.sample(fc.integer({ min: 1, max: bytes.length - 1 }), 20);
    for (const length of [...near, ...anywhere]) {
      expect(() => openRecording(bytes.subarray(0, length))).toThrow(`recording is cut short at byte ${length}: `);
    }
  });
});
