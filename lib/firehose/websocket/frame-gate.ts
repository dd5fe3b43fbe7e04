/** Frames → one taker, in order, with times in between when it takes none: then the socket is paused and what had been read waits. */

export interface FrameGateOptions {
  /** Takes one frame; may call `holdFor`. What it throws goes to `fail`. */
  readonly take: (frame: Uint8Array) => void;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly fail: (fault: unknown) => void;
}

export class FrameGate {
  readonly #options: FrameGateOptions;
  /** Bounded by what one read of the socket holds, since it is paused. */
  readonly #waiting: Uint8Array[] = [];
  #hold: Promise<void> | null = null;
  #closed = false;

  constructor(options: FrameGateOptions) {
    this.#options = options;
  }

  /** Settles, never rejects, once the taker takes again and what waited is taken; null while it takes. */
  get hold(): Promise<void> | null {
    return this.#hold;
  }

  offer(frame: Uint8Array): void {
    if (this.#closed) return;
    if (this.#hold !== null) {
      this.#waiting.push(frame);
      return;
    }
    try {
      this.#options.take(frame);
    } catch (fault) {
      this.#options.fail(fault);
    }
  }

  /** Stops reading until `work` is done, then takes what had been read already, then reads on. */
  holdFor(work: () => Promise<void>): void {
    this.#options.pause();
    this.#hold = work().then(
      () => this.#goOn(),
      (fault: unknown) => this.#options.fail(fault),
    );
  }

  /** Nothing is taken any more. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  #goOn(): void {
    this.#hold = null;
    const waiting = this.#waiting.splice(0);
    // What a taken frame holds up goes back to waiting, and nothing new comes in between: this runs in one go.
    for (const frame of waiting) this.offer(frame);
    if (this.#hold === null && !this.#closed) this.#options.resume();
  }
}
