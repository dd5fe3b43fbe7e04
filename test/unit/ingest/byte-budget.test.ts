import { describe, expect, test } from "vitest";
import { ByteBudget } from "../../../lib/ingest/byte-budget.ts";

const never = new AbortController().signal;

describe("the byte budget", () => {
  test("says stop once it is spent, though what is over it is taken too", () => {
    const budget = new ByteBudget(100);
    expect(budget.take(99)).toBe(true);
    expect(budget.take(1)).toBe(false);
    expect(budget.take(50)).toBe(false);
    expect(budget.usedBytes).toBe(150);
  });

  test("has room at once below three quarters, and else only when it is back there", async () => {
    const budget = new ByteBudget(100);
    budget.take(75);
    await budget.room(never);
    budget.take(25);
    let hasRoom = false;
    const waiting = [budget.room(never), budget.room(never)].map((room) =>
      room.then(() => {
        hasRoom = true;
      }),
    );
    budget.give(24);
    await Promise.resolve();
    expect(hasRoom).toBe(false);
    budget.give(1);
    await Promise.all(waiting);
  });

  test("stops waiting when the signal aborts, with its reason", async () => {
    const budget = new ByteBudget(1);
    budget.take(1);
    const stop = new AbortController();
    const waiting = budget.room(stop.signal);
    stop.abort(new Error("stopping"));
    await expect(waiting).rejects.toThrow("stopping");
    await expect(budget.room(stop.signal)).rejects.toThrow("stopping");
  });

  test("rejects whoever waits, and whoever asks later, when nothing will be given back", async () => {
    const budget = new ByteBudget(1);
    budget.take(1);
    const waiting = budget.room(never);
    budget.fail(new Error("fenced"));
    await expect(waiting).rejects.toThrow("fenced");
    await expect(budget.room(never)).rejects.toThrow("fenced");
  });
});
