/** Low-water marks to the checkpoint: one save at a time, and only what has moved. */
import type { Checkpoint } from "../checkpoint/port.ts";
import type { SavedCursor } from "../core/cursor.ts";
import type { Telemetry } from "../telemetry/port.ts";
import { FencedError } from "./errors.ts";

export class CursorSaver {
  readonly #checkpoint: Checkpoint;
  readonly #fence: number;
  readonly #telemetry: Telemetry;
  #running: Promise<void> = Promise.resolve();
  /** The save that has not begun yet: whoever asks meanwhile is served by it. */
  #next: Promise<void> | null = null;
  #saved: SavedCursor | null = null;

  constructor(options: { readonly checkpoint: Checkpoint; readonly fence: number; readonly telemetry: Telemetry }) {
    this.#checkpoint = options.checkpoint;
    this.#fence = options.fence;
    this.#telemetry = options.telemetry;
  }

  /** Saves what `current` gives once its turn has come. Rejects with FencedError, or with the checkpoint's own trouble. */
  save(current: () => SavedCursor | null): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      const turn = this.#saveIfMoved(current());
      this.#running = turn.catch(() => undefined);
      return turn;
    });
    return this.#next;
  }

  async #saveIfMoved(cursor: SavedCursor | null): Promise<void> {
    const last = this.#saved;
    if (cursor === null) return;
    if (last !== null && last.relay === cursor.relay && last.epoch === cursor.epoch && last.seq >= cursor.seq) return;
    const outcome = await this.#checkpoint.save(cursor, { fence: this.#fence });
    switch (outcome) {
      case "saved":
        this.#saved = cursor;
        this.#telemetry.count("cursor_saves_total");
        return;
      case "fenced":
        throw new FencedError(this.#fence);
    }
  }
}
