/**
 * One decoder in a process of its own, called with the paths of two files: frames, each behind its length (u32, little-endian), and the
 * DID documents of their accounts. For each number N on standard input it decodes N frames more and prints one JSON line: `Round`. Each time it
 * begins a good way behind where it began before, so that the few frames of a slow decoder come from all over what a quick one goes through several times.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";

export interface Round {
  readonly events: number;
  /** Records that the decoder gave, and frames that it refused. */
  readonly records: number;
  readonly refused: number;
  /** Of the whole process, its garbage collection included. */
  readonly cpuMicros: number;
  /** The highest so far. */
  readonly residentBytes: number;
}

/** One frame in, the number of records in it out; −1 where the decoder refuses it. */
export type Decode = (frame: Buffer) => number | Promise<number>;

/** What a decoder may need besides frames: the accounts' keys, by their DID documents. */
export interface Setting {
  readonly didDocuments: ReadonlyMap<string, unknown>;
}

/** Frames from where one round begins to where the next does: nothing that divides how many there are, so that no place comes twice soon. */
const STEP = 617;
/** Events between two looks at the event loop, where Node gives back what compressors have used; a socket brings fewer at once. */
const STRETCH = 250;

async function decodeRound(decode: Decode, frames: readonly Buffer[], from: number, count: number): Promise<Round> {
  let records = 0;
  let refused = 0;
  const before = process.cpuUsage();
  for (let index = from; index < from + count; index += 1) {
    const result = decode(frames[index % frames.length] as Buffer);
    // What is there at once is not waited for.
    const found = typeof result === "number" ? result : await result;
    if (found < 0) refused += 1;
    else records += found;
    if (index % STRETCH === 0) await setImmediate();
  }
  const { user, system } = process.cpuUsage(before);
  const residentBytes = process.resourceUsage().maxRSS * 1024;
  return { events: count, records, refused, cpuMicros: user + system, residentBytes };
}

function readFrames(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    frames.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return frames;
}

/** Answers on standard output what comes in on standard input, until that ends. */
export async function serve(decoder: (setting: Setting) => Decode): Promise<void> {
  const [framesPath = "", documentsPath = ""] = process.argv.slice(2);
  const documents = JSON.parse(readFileSync(documentsPath, "utf8")) as Record<string, unknown>;
  const decode = decoder({ didDocuments: new Map(Object.entries(documents)) });
  const frames = readFrames(framesPath);
  let next = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    const count = Number(line);
    console.log(JSON.stringify(await decodeRound(decode, frames, next, count)));
    next = (next + STEP) % frames.length;
  }
}
