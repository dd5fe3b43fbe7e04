/** What a worker has read and applied, in the terms in which a process tells of itself. */
import type { SavedCursor } from "../../lib/core/cursor.ts";
import { type Pack, readPack } from "../../lib/core/pack.ts";
import type { SourceState } from "../../lib/firehose/port.ts";
import type { IngestState } from "../../lib/ingest/ingest.ts";

export class WorkState {
  /** Whether this worker reads anything: otherwise it stands by. */
  holds = false;
  #relay: string | null = null;
  #epoch: number | null = null;
  #readSeq: number | null = null;
  #readAtMs: number | null = null;
  #applied: { readonly seq: number; readonly timeMs: number | null } | null = null;
  #appliedPacks = 0;
  readonly #inHand = new Set<Pack>();

  /** What was applied before this worker began to read. */
  begin(newest: SavedCursor | null): void {
    if (newest === null || newest.seq <= (this.#applied?.seq ?? 0)) return;
    this.#relay ??= newest.relay;
    this.#epoch ??= newest.epoch;
    this.#applied = { seq: newest.seq, timeMs: newest.timeMs };
  }

  read(packs: readonly Pack[]): void {
    this.#readAtMs = Date.now();
    for (const { header } of packs) {
      this.#relay = header.relay;
      this.#epoch = header.epoch;
      this.#readSeq = Math.max(this.#readSeq ?? 0, header.lastSeq);
    }
  }

  /** It waits for its turn. */
  handedOn(pack: Pack): void {
    this.#inHand.add(pack);
  }

  applied(pack: Pack): void {
    this.#inHand.delete(pack);
    this.#appliedPacks++;
    const { lastSeq } = pack.header;
    if (lastSeq < (this.#applied?.seq ?? 0)) return;
    const read = readPack(pack);
    const timeMs = read.ok ? (read.events.at(-1)?.timeMs ?? null) : null;
    this.#applied = { seq: lastSeq, timeMs: timeMs ?? this.#applied?.timeMs ?? null };
  }

  source(trouble: string | null): SourceState {
    return {
      relay: this.#relay ?? "no relay yet",
      connected: this.holds && trouble === null,
      trouble,
      receivedSeq: this.#readSeq,
      eventTimeMs: this.#applied?.timeMs ?? null,
      lastFrameAtMs: this.#readAtMs,
      paused: false,
    };
  }

  ingest(bytesInFlight: number): IngestState {
    return {
      relay: this.#relay,
      epoch: this.#epoch,
      cursor: this.#cursor(),
      eventTimeMs: this.#applied?.timeMs ?? null,
      receivedSeq: this.#readSeq,
      bytesInFlight,
      durablePacks: this.#appliedPacks,
    };
  }

  /** Everything that was read up to it is applied. */
  #cursor(): number | null {
    const oldest = Math.min(...Array.from(this.#inHand, ({ header }) => header.firstSeq));
    const applied = this.#applied?.seq ?? null;
    return applied === null ? null : Math.min(applied, Math.max(0, oldest - 1));
  }
}
