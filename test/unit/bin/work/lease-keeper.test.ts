import { expect, test } from "vitest";
import { type HeldStream, keepLeases, leaseWaits, WorkerReplacedError } from "../../../../bin/work/lease-keeper.ts";
import type { LeaseBoard, StreamLeases } from "../../../../lib/store/stream-leases.ts";
import { silentLog } from "../../../support/silent-log.ts";

const STREAMS = ["s:0", "s:1"];
const ME = "me";
const OTHER = "other";
const waits = leaseWaits(1 / 200);

/** The database's side, in this process. */
class Board implements StreamLeases {
  readonly leases = new Map(STREAMS.map((stream) => [stream, { owner: null as string | null, fence: 0 }]));
  beats = 0;
  hasOther = false;
  failsToGive = false;

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  beat(): Promise<void> {
    this.beats += 1;
    return Promise.resolve();
  }

  board(): Promise<LeaseBoard> {
    const workers = [{ name: "one", owner: ME, beat: this.beats }];
    if (this.hasOther) workers.push({ name: "two", owner: OTHER, beat: this.beats });
    return Promise.resolve({ leases: Array.from(this.leases, ([stream, lease]) => ({ stream, ...lease })), workers });
  }

  take({ stream }: { readonly stream: string }): Promise<number | null> {
    return Promise.resolve(this.#put(stream, ME));
  }

  give({ stream }: { readonly stream: string }): Promise<void> {
    if (this.failsToGive) return Promise.reject(new Error("the database is away"));
    this.#put(stream, null);
    return Promise.resolve();
  }

  takeAway(stream: string): void {
    this.#put(stream, OTHER);
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }

  places(): ReturnType<StreamLeases["places"]> {
    return Promise.resolve(new Map());
  }

  owned(): readonly string[] {
    return [...this.leases].filter(([, { owner }]) => owner === ME).map(([stream]) => stream);
  }

  #put(stream: string, owner: string | null): number {
    const fence = (this.leases.get(stream)?.fence ?? 0) + 1;
    this.leases.set(stream, { owner, fence });
    return fence;
  }
}

interface Kept {
  readonly board: Board;
  readonly abandoned: string[];
  readonly started: string[];
  readonly stop: () => void;
  readonly done: Promise<void>;
}

function keep(stopOf: (stream: string) => Promise<void>): Kept {
  const board = new Board();
  const abandoned: string[] = [];
  const started: string[] = [];
  const stopping = new AbortController();
  const start = ({ stream }: { readonly stream: string }): Promise<HeldStream> => {
    started.push(stream);
    return Promise.resolve({ stop: () => stopOf(stream), abandon: () => void abandoned.push(stream) });
  };
  const nothing = (): void => undefined;
  const done = keepLeases(
    {
      leases: board,
      streams: STREAMS,
      owner: ME,
      start,
      onCertain: nothing,
      onNames: nothing,
      onStandby: nothing,
      waits,
      log: silentLog,
    },
    stopping.signal,
  );
  done.catch(() => undefined);
  return { board, abandoned, started, stop: () => stopping.abort(), done };
}

test("a worker goes on beating while what it gives away comes to its end", async () => {
  const end = Promise.withResolvers<void>();
  const { board, stop, done } = keep(() => end.promise);
  await expect.poll(() => board.owned()).toEqual(STREAMS);
  board.hasOther = true;
  const before = board.beats;
  await expect.poll(() => board.beats).toBeGreaterThan(before + 10);
  expect(board.owned()).toEqual(STREAMS);
  end.resolve();
  await expect.poll(() => board.owned()).toEqual(["s:0"]);
  stop();
  await done;
});

test("a worker that was replaced while it gives something away leaves everything at once", async () => {
  const { board, abandoned, done } = keep(() => new Promise(() => undefined));
  await expect.poll(() => board.owned()).toEqual(STREAMS);
  board.hasOther = true;
  const before = board.beats;
  await expect.poll(() => board.beats).toBeGreaterThan(before + 3);
  board.takeAway("s:1");
  await expect(done).rejects.toBeInstanceOf(WorkerReplacedError);
  expect(abandoned).toEqual(STREAMS);
});

test("what could not be given back is given back later, and read again by whoever has it then", async () => {
  const { board, started, stop, done } = keep(() => Promise.resolve());
  await expect.poll(() => board.owned()).toEqual(STREAMS);
  board.failsToGive = true;
  board.hasOther = true;
  const before = board.beats;
  await expect.poll(() => board.beats).toBeGreaterThan(before + 5);
  expect(board.owned()).toEqual(STREAMS);
  board.failsToGive = false;
  await expect.poll(() => board.owned()).toEqual(["s:0"]);
  board.hasOther = false;
  await expect.poll(() => started).toEqual(["s:0", "s:1", "s:1"]);
  stop();
  await done;
});
