/** Counts how often the same bad frame came at the same place, so that it can be set aside instead of looping for ever. */
import { createHash } from "node:crypto";

/** More different bad frames at one place than this are no longer told apart: a relay that sends noise, not one poison frame. */
const MAX_FRAMES_AT_A_PLACE = 1_000;

/** A frame without a readable seq is known by what stood before it. */
export interface FramePlace {
  readonly relay: string;
  readonly epoch: number;
  /** null: live, and nothing had come. */
  readonly seqBefore: number | null;
}

export class Strikes {
  #place: string | null = null;
  readonly #counts = new Map<string, number>();

  /** Adds a strike against `frame` (`"oversize"` where its bytes could not be read) and returns how many there are now. */
  add(frame: Uint8Array | "oversize", place: FramePlace): number {
    this.#moveTo(place);
    const identity = frame === "oversize" ? frame : createHash("sha256").update(frame).digest("base64");
    const count = (this.#counts.get(identity) ?? 0) + 1;
    if (this.#counts.size >= MAX_FRAMES_AT_A_PLACE && count === 1) this.#counts.clear();
    this.#counts.set(identity, count);
    return count;
  }

  /** Strikes so far against an oversize frame there. */
  oversizeAt(place: FramePlace): number {
    return this.#place === placeKey(place) ? (this.#counts.get("oversize") ?? 0) : 0;
  }

  // Only another place forgets: a frame that was set aside comes again with every reconnect, and only once becomes a dead letter.
  #moveTo(place: FramePlace): void {
    const key = placeKey(place);
    if (this.#place === key) return;
    this.#counts.clear();
    this.#place = key;
  }
}

function placeKey({ relay, epoch, seqBefore }: FramePlace): string {
  return `${relay} ${epoch} ${seqBefore}`;
}
