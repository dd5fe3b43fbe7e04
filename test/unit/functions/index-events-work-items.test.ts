/** Order, halves and the deadline, with a worker whose speed and failures are given. */
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Item } from "../../../functions/index-events/read-items.ts";
import { groupsOf, type Worker, workItems } from "../../../functions/index-events/work-items.ts";
import type { Pack } from "../../../lib/core/pack.ts";
import { CountingTelemetry } from "../../support/counting-telemetry.ts";
import { sequenceNumberAt } from "../../support/kinesis-events.ts";
import { makePack } from "../../support/packs.ts";

class PassingError extends Error {}
class TooLongError extends PassingError {}

function packItems(count: number, events = 1): readonly Item[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: "pack",
    sequenceNumber: sequenceNumberAt(index),
    pack: makePack({ lane: 0, number: index + 1, events }),
  }));
}

const unreadable: Item = {
  kind: "unreadable",
  sequenceNumber: "7",
  bytes: Uint8Array.of(1),
  detail: "bad-magic at byte 0",
  header: null,
  lane: 0,
};

interface Scene {
  readonly worker: Worker;
  readonly telemetry: CountingTelemetry;
  /** What was tried: numbers of packs, `*` behind them where one by one. */
  readonly tries: string[];
  readonly applied: number[];
  abandoned: number;
}

/** `msOf`: how long packs take in one go; cutting ends that at once, unless it `hangs`. */
function createScene({
  msOf = () => 0,
  fails = () => null,
  hangs = false,
}: {
  readonly msOf?: (numbers: readonly number[], oneByOne: boolean) => number;
  readonly fails?: (numbers: readonly number[]) => Error | null;
  readonly hangs?: boolean;
}): Scene {
  let current = new AbortController();
  const scene: Scene = {
    tries: [],
    applied: [],
    abandoned: 0,
    telemetry: new CountingTelemetry(),
    worker: {
      async consume(packs: readonly Pack[], { oneByOne }) {
        const numbers = packs.map(({ header }) => header.number);
        scene.tries.push(`${numbers.join("+")}${oneByOne ? "*" : ""}`);
        const fault = fails(numbers);
        if (fault !== null) throw fault;
        current = new AbortController();
        const ms = msOf(numbers, oneByOne);
        if (ms > 0) await pause(ms, undefined, { signal: current.signal, ref: false });
        scene.applied.push(...numbers);
      },
      workOther: (item) => {
        scene.tries.push(item.kind);
        return Promise.resolve();
      },
      cut: () => (hangs ? undefined : current.abort()),
      abandon() {
        scene.abandoned += 1;
      },
      isTransient: (error) => error instanceof PassingError,
      isTooLong: (error) => error instanceof TooLongError,
    },
  };
  return scene;
}

function work(items: readonly Item[], scene: Scene, { ms, maxEvents = 10 }: { ms: number; maxEvents?: number }) {
  const endsAt = performance.now() + ms;
  const { worker, telemetry } = scene;
  return workItems(items, { worker, telemetry, maxEvents, remainingMs: () => endsAt - performance.now() });
}

describe("the items of an invocation", () => {
  test("are grouped in order up to the limit, with what is no pack by itself", () => {
    const [first, second, third] = packItems(3, 4) as [Item, Item, Item];
    expect(groupsOf([first, second, third], 8)).toEqual([[first, second], [third]]);
    expect(groupsOf([first, unreadable, second], 8)).toEqual([[first], [unreadable], [second]]);
    expect(groupsOf([first, second], 1)).toEqual([[first], [second]]);
  });

  test("are worked in order, all of them", async () => {
    const scene = createScene({});
    const [first, second, third] = packItems(3) as [Item, Item, Item];
    expect(await work([first, unreadable, second, third], scene, { ms: 5_000 })).toBe(4);
    expect(scene.tries).toEqual(["1", "unreadable", "2+3"]);
  });

  test("stop at what cannot be done now: nothing behind it is begun", async () => {
    const scene = createScene({ fails: ([number]) => (number === 2 ? new PassingError("away") : null) });
    expect(await work(packItems(4), scene, { ms: 5_000, maxEvents: 1 })).toBe(1);
    expect(scene.tries).toEqual(["1", "2"]);
    expect(scene.telemetry.counted("batch_retries_total", "unknown")).toBe(1);
  });

  test("fail as a whole on a fault that is not known to pass", async () => {
    const scene = createScene({ fails: ([number]) => (number === 2 ? new RangeError("a fault of ours") : null) });
    await expect(work(packItems(3), scene, { ms: 5_000, maxEvents: 1 })).rejects.toThrow("a fault of ours");
  });

  test("go on in halves where they do not fit together", async () => {
    const scene = createScene({ msOf: (numbers) => (numbers.length > 2 ? 60_000 : 1) });
    expect(await work(packItems(4), scene, { ms: 1_200 })).toBe(4);
    expect(scene.tries).toEqual(["1+2+3+4", "1+2", "3+4"]);
    expect(scene.applied).toEqual([1, 2, 3, 4]);
  });

  test("go on in halves, and event by event at last, where the database says that they take too long", async () => {
    const scene = createScene({ fails: (numbers) => (numbers.length > 1 ? new TooLongError("57014") : null) });
    expect(await work(packItems(3), scene, { ms: 5_000 })).toBe(3);
    expect(scene.tries).toEqual(["1+2+3", "1", "2+3", "2", "3"]);
    const alone = createScene({
      fails: () => (alone.tries.at(-1) === "1*" ? null : new TooLongError("57014")),
    });
    expect(await work(packItems(1), alone, { ms: 5_000 })).toBe(1);
    expect(alone.tries).toEqual(["1", "1*"]);
  });

  test("come again where even one event takes too long for the database, without an end of their own", async () => {
    const scene = createScene({ fails: () => new TooLongError("57014") });
    expect(await work(packItems(2), scene, { ms: 5_000 })).toBe(0);
    expect(scene.tries).toEqual(["1+2", "1", "1*"]);
  });

  test("keep what a half has done where the other one does not fit", async () => {
    const scene = createScene({ msOf: (numbers) => (numbers.includes(3) ? 60_000 : 1) });
    expect(await work(packItems(4), scene, { ms: 1_500 })).toBe(2);
    expect(scene.applied).toEqual([1, 2]);
    expect(scene.telemetry.counted("batch_retries_total", "deadline")).toBe(1);
  });

  test("are worked event by event where one pack alone does not fit", async () => {
    const scene = createScene({ msOf: (_, oneByOne) => (oneByOne ? 1 : 60_000) });
    expect(await work(packItems(1), scene, { ms: 1_200 })).toBe(1);
    expect(scene.tries).toEqual(["1", "1*"]);
  });

  test("are not begun when the time is up", async () => {
    const scene = createScene({});
    expect(await work(packItems(2), scene, { ms: 100 })).toBe(0);
    expect(scene.tries).toEqual([]);
    expect(scene.telemetry.counted("batch_retries_total", "deadline")).toBe(1);
  });

  test("that hang in spite of the cut are given up, with their connections", async () => {
    const scene = createScene({ msOf: () => 60_000, hangs: true });
    expect(await work(packItems(2), scene, { ms: 600 })).toBe(0);
    expect(scene.tries).toEqual(["1+2"]);
    expect(scene.abandoned).toBe(1);
  });
});
