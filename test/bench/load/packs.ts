/**
 * The second generator: a seeded, endless load as packs, for what the first one is too dear for (it signs frames and
 * builds repos). No CAR and no signature, but records that are really encoded and really hash to their CIDs.
 *
 * - One op a commit, revs that rise with every event, each `since` its author's rev before: the fast path, as on the network.
 * - 450 events a second of the load's own time (420 to 480 were measured in July 2026), beginning in the past.
 * - Authors: 1.2 million with the network's inequality; accounts pointed at: 6 million (population.ts).
 * - Posts are made by the load and liked later, also those of before it began (posts.ts). A like goes to a post whose age has a median
 *   of 90 minutes and in one case of 40 is above a day and a half; how many likes posts get is a power law, in which a
 *   post that gets any gets five on average over two hours.
 * - 12 % of likes name the repost that led to them (`via`), as in the one corpus where it was counted.
 * - Own keys are TIDs up to two seconds before the rev; `createdAt` is the key's time in milliseconds.
 * - Deletes take back a like, repost or follow that the load made.
 *
 * Left out: handles, accounts, repeats, broken chains, DIDs other than `did:plc`, commits of several ops. Memory is bounded: 42 MB for digests of
 * posts, 10 MB for the authors' revs.
 */
import type { CommitEvent } from "../../../lib/core/event.ts";
import { laneOf } from "../../../lib/core/lane.ts";
import type { Pack } from "../../../lib/core/pack.ts";
import { PackBuilder } from "../../../lib/core/pack-builder.ts";
import { type Decision, Decisions } from "./cheap/decisions.ts";
import { type Kind, type Mix, NETWORK_MIX } from "./cheap/mix.ts";
import { Rendering } from "./cheap/rendering.ts";

export interface LoadOptions {
  readonly mix?: Mix;
  readonly seed?: number;
  readonly lanes?: number;
}

/** A piece of the load. */
export interface Portion {
  readonly events: number;
  /** Events a pack. */
  readonly size: number;
  readonly kind?: Kind;
}

export const LANES = 8;
export const RELAY = "load.test";
export const EPOCH = 1;
export const FENCE = 1;

export class PackLoad {
  /** For whoever takes some of the load another way than as events (bulk/bulk-fill.ts). */
  readonly decisions: Decisions;
  /** Told of each decision that becomes an event. */
  onEvent: ((decision: Decision) => void) | null = null;
  readonly #rendering: Rendering;
  readonly #lanes: { readonly builder: PackBuilder; number: number }[];

  constructor({ mix = NETWORK_MIX, seed = 1, lanes = LANES }: LoadOptions = {}) {
    this.decisions = new Decisions({ mix, seed });
    this.#rendering = new Rendering(this.decisions);
    this.#lanes = Array.from({ length: lanes }, () => ({ builder: new PackBuilder(), number: 0 }));
  }

  /** Of the event made last; 0 before the first. */
  get seq(): number {
    return this.decisions.seq;
  }

  /** Of the last pack of each lane; 0 before the first. */
  get packNumbers(): readonly number[] {
    return this.#lanes.map(({ number }) => number);
  }

  /** Of all likes the share that one post gets from now on. */
  set hotShare(share: number) {
    this.decisions.hotShare = share;
  }

  /** Addresses of posts and likes that the load has made, as many of each and evenly over all of its time, for look-ups. */
  sampleMade(count: number): readonly string[] {
    return this.decisions.sampleMade(count);
  }

  /** Addresses of posts as likes choose them: the more likes, the more often. */
  sampleLiked(count: number): readonly string[] {
    return this.decisions.sampleLiked(count);
  }

  /** `kind`: this one, instead of what is due in the mix. */
  event(kind?: Kind): CommitEvent {
    const decision = this.decisions.next(kind);
    this.onEvent?.(decision);
    return this.#rendering.event(decision);
  }

  /**
   * So many more events, a pack a call: of each lane in order, `size` events each but for the lane's last, and nothing when all have been
   * given. `kind`: all of this one, instead of the mix.
   */
  source({ events, size, kind }: Portion): () => Pack | undefined {
    const end = this.seq + events;
    let rest: Pack[] | undefined;
    return () => {
      while (this.seq < end) {
        const pack = this.#append(this.event(kind), size);
        if (pack !== undefined) return pack;
      }
      rest ??= this.#lanes.flatMap(({ builder }, lane) => (builder.count === 0 ? [] : [this.#seal(lane)]));
      return rest.shift();
    };
  }

  /** The same at once, for packs that are to be ready before a clock starts. */
  packs(portion: Portion): Pack[] {
    const next = this.source(portion);
    const packs: Pack[] = [];
    for (let pack = next(); pack !== undefined; pack = next()) packs.push(pack);
    return packs;
  }

  #append(event: CommitEvent, size: number): Pack | undefined {
    const lane = laneOf(event.did, this.#lanes.length);
    const builder = this.#lanes[lane]?.builder;
    builder?.append(event);
    return builder !== undefined && builder.count >= size ? this.#seal(lane) : undefined;
  }

  #seal(lane: number): Pack {
    const state = this.#lanes[lane];
    if (state === undefined) throw new RangeError(`no lane ${lane}`);
    state.number += 1;
    const { builder, number } = state;
    return builder.seal({ lane, lanes: this.#lanes.length, relay: RELAY, epoch: EPOCH, fence: FENCE, number });
  }
}
