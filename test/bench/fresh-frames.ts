/**
 * Frames of a recording in, the same frames under other accounts out, as often as one likes: a lap is the recording again with every
 * author's DID and so every commit's CID replaced. Records, trees and revs stay, so each lap writes new rows, by new accounts, about the
 * subjects of the first. Signatures no longer hold: for readers that check CIDs and no signatures, as both sides of this bench are.
 */
import { hash } from "node:crypto";
import { CID_BYTES, CID_PREFIX, DIGEST_BYTES } from "../../lib/core/cid.ts";
import { decodeMessage } from "../../lib/core/decode-event.ts";
import { locateSeq, replaceSeq } from "../../lib/firehose/relay/frame-seq.ts";

/** Every seq from here on to 2^32 takes the same room in a frame. */
export const FIRST_SEQ = 1_000_000;

/** The 20 bits that are replaced in a DID: a recording has no more laps. */
const MAX_LAPS = 2 ** 20;
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const DID_PREFIX = "did:plc:";
const DID_LENGTH = 32;
/** In the header of a CAR: the key "roots", a list of one, and a link up to its digest. */
const CAR_ROOT = Buffer.concat([Buffer.from("eroots\x81\xd8\x2a\x58\x25\0", "latin1"), CID_PREFIX]);

export interface FrameTemplate {
  readonly did: string;
  readonly bytes: Buffer;
  /** Where the four bytes of seq are, and the DIDs. */
  readonly seqAt: number;
  readonly didsAt: readonly number[];
  /** The commit block, and where its digest is repeated; null where the frame has none. */
  readonly commit: { readonly from: number; readonly to: number; readonly digestsAt: readonly number[] } | null;
}

/** Null for what is no whole event of a `did:plc` account: it has no place in a lap. */
export function frameTemplate(frame: Uint8Array): FrameTemplate | null {
  const place = locateSeq(frame);
  if (place === null) return null;
  const bytes = Buffer.from(replaceSeq(frame, place, FIRST_SEQ));
  const message = decodeMessage(bytes, Date.now());
  if (message.kind !== "event" || message.event.kind === "rejected") return null;
  const { did } = message.event;
  if (!did.startsWith(DID_PREFIX) || did.length !== DID_LENGTH) return null;
  // 'd' and 'c' are the heads of the keys, 'x ' that of a text of 32 bytes.
  const outer = bytes.indexOf(message.event.kind === "commit" ? `drepox ${did}` : `cdidx ${did}`, "latin1");
  const commit = commitOf(bytes);
  const inner = commit === null ? -1 : bytes.indexOf(did, commit.from, "latin1");
  const didsAt = [bytes.indexOf(did, outer, "latin1"), ...(inner === -1 ? [] : [inner])];
  return { did, bytes, seqAt: place.from + 1, didsAt, commit };
}

/** The commit is what a CAR's header names as its root. Null for frames without blocks. */
function commitOf(bytes: Buffer): FrameTemplate["commit"] {
  const header = bytes.indexOf(CAR_ROOT);
  if (header === -1) return null;
  const digest = bytes.subarray(header + CAR_ROOT.length, header + CAR_ROOT.length + DIGEST_BYTES);
  const digestsAt: number[] = [];
  for (let at = bytes.indexOf(digest); at !== -1; at = bytes.indexOf(digest, at + 1)) digestsAt.push(at);
  for (const at of digestsAt) {
    // An entry of a CAR: the length of what follows (two bytes: a commit has 128 to 16,383), the CID, which the digest ends, the block.
    const length = ((bytes[at - 6] ?? 0) & 0x7f) + ((bytes[at - 5] ?? 0) << 7) - CID_BYTES;
    const from = at + DIGEST_BYTES;
    if (hash("sha256", bytes.subarray(from, from + length), "buffer").equals(digest)) {
      return { from, to: from + length, digestsAt };
    }
  }
  throw new Error("a frame's blocks do not hold their root");
}

/** The account's DID in that lap; its own in the first, which is 0. */
export function didInLap(did: string, lap: number): string {
  return lap === 0 ? did : DID_PREFIX + lapText(lap) + did.slice(DID_PREFIX.length + 4);
}

/** A frame of that lap with that seq, FIRST_SEQ to 2^32−1. */
export function freshFrame(template: FrameTemplate, lap: number, seq: number): Buffer {
  const frame = Buffer.allocUnsafe(template.bytes.length);
  putFreshFrame(template, { lap, seq }, { into: frame, at: 0 });
  return frame;
}

/** The same into a buffer that has the room. */
export function putFreshFrame(
  { bytes, seqAt, didsAt, commit }: FrameTemplate,
  { lap, seq }: { readonly lap: number; readonly seq: number },
  { into, at: start }: { readonly into: Buffer; readonly at: number },
): void {
  into.set(bytes, start);
  into.writeUInt32BE(seq, start + seqAt);
  if (lap === 0) return;
  const text = lapText(lap);
  for (const at of didsAt) into.write(text, start + at + DID_PREFIX.length, "latin1");
  if (commit === null) return;
  const digest = hash("sha256", into.subarray(start + commit.from, start + commit.to), "buffer");
  for (const at of commit.digestsAt) into.set(digest, start + at);
}

function lapText(lap: number): string {
  if (lap >= MAX_LAPS) throw new RangeError(`lap ${lap}: there are ${MAX_LAPS}`);
  return [15, 10, 5, 0].map((shift) => BASE32[(lap >>> shift) & 31]).join("");
}
