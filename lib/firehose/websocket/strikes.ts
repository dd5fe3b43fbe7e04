/** Counts how often the same bad frame came at the same place, so that it can be set aside instead of looping for ever. */
import { createHash } from "node:crypto";

/** More different bad frames at one place than this are no longer told apart: a relay that sends noise, not one poison frame. */
const MAX_FRAMES_AT_A_PLACE = 1_000;

export class Strikes {
  #place: string | null = null;
  readonly #counts = new Map<string, number>();

  /** Adds a strike against `frame` (`"oversize"` where its bytes could not be read) and returns how many there are now. */
  add(
    frame: Uint8Array | "oversize",
    place: { readonly relay: string; readonly epoch: number; readonly seqBefore: number | null },
  ): number {
    this.#moveTo(`${place.relay} ${place.epoch} ${place.seqBefore}`);
    const identity = frame === "oversize" ? frame : createHash("sha256").update(frame).digest("base64");
    const count = (this.#counts.get(identity) ?? 0) + 1;
    if (this.#counts.size >= MAX_FRAMES_AT_A_PLACE && count === 1) this.#counts.clear();
    this.#counts.set(identity, count);
    return count;
  }

  /** Strikes against an oversize frame at the place of the last bad frame. */
  get oversize(): number {
    return this.#counts.get("oversize") ?? 0;
  }

  /** Reading got past the place: its bad frames are behind. */
  clear(): void {
    if (this.#place === null) return;
    this.#place = null;
    this.#counts.clear();
  }

  // A frame that was set aside keeps its count until then: it comes again with every reconnect, and only once becomes a dead letter.
  #moveTo(place: string): void {
    if (this.#place === place) return;
    this.#counts.clear();
    this.#place = place;
  }
}
