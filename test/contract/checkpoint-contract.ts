/** What every fenced cursor promises (lib/checkpoint/port.ts). Each back end has one test file that calls this. */
import { describe, expect, test } from "vitest";
import { type Checkpoint, LanesChangedError } from "../../lib/checkpoint/port.ts";

export interface CheckpointUnderTest extends AsyncDisposable {
  /** Another process on the same store. It may acquire while earlier ones have it. */
  open(): Checkpoint;
}

const LANES = 8;
const RELAY = "relay.test";
const at = (seq: number, epoch = 1) => ({ relay: RELAY, epoch, seq, timeMs: 1_700_000_000_000 + seq });

export function describeCheckpointContract(options: {
  readonly name: string;
  /** An empty store. */
  readonly create: () => Promise<CheckpointUnderTest>;
}): void {
  const { name, create } = options;

  describe(`${name}, as every fenced cursor`, () => {
    test("is nothing on a first start", async () => {
      await using store = await create();
      const checkpoint = store.open();
      expect(await checkpoint.load(RELAY)).toBeNull();
      expect(await checkpoint.lastDurableTimeMs()).toBeNull();
      await checkpoint.acquire({ lanes: LANES });
      expect(await checkpoint.load(RELAY)).toBeNull();
    });

    test("is read by the next process as it was saved", async () => {
      await using store = await create();
      const first = store.open();
      const fence = await first.acquire({ lanes: LANES });
      expect(await first.save(at(10), fence)).toBe("saved");
      const second = store.open();
      expect(await second.load(RELAY)).toEqual(at(10));
      expect(await second.lastDurableTimeMs()).toBe(at(10).timeMs);
      expect(await second.load("other.test")).toBeNull();
    });

    test("never moves back within its epoch, and the newest epoch counts", async () => {
      await using store = await create();
      const checkpoint = store.open();
      const fence = await checkpoint.acquire({ lanes: LANES });
      await checkpoint.save(at(10), fence);
      expect(await checkpoint.save(at(5), fence)).toBe("saved");
      expect(await store.open().load(RELAY)).toEqual(at(10));
      await checkpoint.save(at(3, 2), fence);
      expect(await store.open().load(RELAY)).toEqual(at(3, 2));
      expect(await store.open().lastDurableTimeMs()).toBe(at(3).timeMs);
    });

    test("keeps a cursor for each relay, and its time where a later save knows none", async () => {
      await using store = await create();
      const checkpoint = store.open();
      const fence = await checkpoint.acquire({ lanes: LANES });
      await checkpoint.save(at(10), fence);
      await checkpoint.save({ ...at(7), relay: "quiet.test" }, fence);
      await checkpoint.save({ ...at(8), relay: "quiet.test", timeMs: null }, fence);
      expect(await store.open().load("quiet.test")).toEqual({ ...at(8), relay: "quiet.test", timeMs: at(7).timeMs });
      expect(await store.open().load(RELAY)).toEqual(at(10));
    });

    test("is not written by an older process once a newer one has taken over", async () => {
      await using store = await create();
      const older = store.open();
      const oldFence = await older.acquire({ lanes: LANES });
      await older.save(at(10), oldFence);
      const newer = store.open();
      const newFence = await newer.acquire({ lanes: LANES });
      expect(newFence.fence).toBeGreaterThan(oldFence.fence);
      expect(await older.save(at(99), oldFence)).toBe("fenced");
      expect(await newer.load(RELAY)).toEqual(at(10));
      expect(await newer.save(at(99), newFence)).toBe("saved");
    });

    test("gives every one of several that start together a fence of its own", async () => {
      await using store = await create();
      const acquired = await Promise.all(Array.from({ length: 4 }, () => store.open().acquire({ lanes: LANES })));
      expect(new Set(acquired.map(({ fence }) => fence)).size).toBe(4);
    });

    test("holds the number of lanes, and says how to change it", async () => {
      await using store = await create();
      await store.open().acquire({ lanes: LANES });
      const refused = store.open().acquire({ lanes: 4 });
      await expect(refused).rejects.toThrow(LanesChangedError);
      await expect(refused).rejects.toThrow(/^LANES=4: .*LANES=8.*standpipe migrate --lanes 4/);
    });
  });
}
