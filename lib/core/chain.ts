/** Chain: how a repo's commits continue one another, and what that says about an event that arrives. */
import type { CommitEvent, DigestPrefix, SyncEvent } from "./event.ts";

/** What is stored of a repo. rev 0: nothing yet. */
export interface RepoState {
  readonly rev: bigint;
  /** Every commit with contiguousFrom < rev' ≤ rev has been applied. */
  readonly contiguousFrom: bigint;
  readonly tree: DigestPrefix | null;
}

/**
 * `fresh`: newer than all that was applied; its ops need no comparison. `repeat`: applied before. `by-record`: from before
 * the unbroken run, so that each op is compared with what is stored under its path.
 */
export type Verdict = "fresh" | "repeat" | "by-record";

/**
 * Follows one repo through a batch.
 *
 * A run is a sequence of commits each of which names the former in `since`. Say 3, 4 and 5 have come (3 since 2), then 9 (since 8):
 * the run breaks, contiguousFrom becomes 8, rev 9. If 6, 7 and 8 come late (a pack that was left out, a replay), they are
 * by-record; 9 again is a repeat; 3 again is by-record too, and changes nothing since its records and tombstones are newer.
 */
export class Chain {
  rev: bigint;
  contiguousFrom: bigint;
  tree: DigestPrefix | null;
  /** Chains broken while following. */
  broken = 0;
  isChanged = false;
  /** Nothing was stored of it before. */
  readonly isNew: boolean;

  constructor(state: RepoState) {
    this.isNew = state.rev === 0n;
    this.rev = state.rev;
    this.contiguousFrom = state.contiguousFrom;
    this.tree = state.tree;
  }

  commit(event: CommitEvent): Verdict {
    if (event.rev <= this.rev) {
      return event.rev > this.contiguousFrom ? "repeat" : "by-record";
    }
    const continues = event.since === this.rev;
    if (!continues) {
      this.broken += this.rev === 0n ? 0 : 1;
      this.contiguousFrom = this.#startOfRun(event);
    }
    this.#moveTo(event);
    return "fresh";
  }

  /** A #sync says what the repo is now, whatever came before: it starts a run of its own unless it says what we have. */
  sync(event: SyncEvent): "fresh" | "repeat" {
    const isKnown = event.rev === this.rev && (this.tree === null || sameBytes(this.tree, event.tree));
    if (event.rev < this.rev || isKnown) {
      return "repeat";
    }
    this.broken += this.rev === 0n ? 0 : 1;
    this.contiguousFrom = event.rev;
    this.#moveTo(event);
    return "fresh";
  }

  /** Where nothing is stored `since` says it (null: the repo's birth). Elsewhere only a `since` beyond our rev is believed. */
  #startOfRun({ rev, since }: CommitEvent): bigint {
    if (this.rev === 0n) {
      return since ?? 0n;
    }
    return since !== null && since > this.rev ? since : rev - 1n;
  }

  #moveTo(event: CommitEvent | SyncEvent): void {
    this.rev = event.rev;
    this.tree = event.tree;
    this.isChanged = true;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
