import fc from "fast-check";
import { expect, test } from "vitest";
import { planLeases } from "../../../lib/core/lease-plan.ts";

const leases = (...owners: (string | null)[]) => owners.map((owner, index) => ({ stream: `s${index}`, owner }));

test("of one stream one worker is active, and the others stand by until it is dead", () => {
  expect(planLeases(leases(null), { me: "a", alive: new Set(["a"]) })).toEqual({ take: ["s0"], give: [] });
  expect(planLeases(leases("a"), { me: "b", alive: new Set(["a", "b"]) })).toEqual({ take: [], give: [] });
  expect(planLeases(leases("a"), { me: "b", alive: new Set(["b"]) })).toEqual({ take: ["s0"], give: [] });
});

test("who has more than its share gives back, and who has less takes what is free", () => {
  const both = new Set(["a", "b"]);
  expect(planLeases(leases("a", "a", "a", "a"), { me: "a", alive: both })).toEqual({ take: [], give: ["s2", "s3"] });
  expect(planLeases(leases("a", "a", null, null), { me: "b", alive: both })).toEqual({ take: ["s2", "s3"], give: [] });
});

test("whoever comes and goes, all streams end up read, and evenly", () => {
  const names = ["a", "b", "c", "d", "e"];
  const property = fc.property(
    fc.array(fc.constantFrom(null, ...names), { minLength: 1, maxLength: 16 }),
    fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 }),
    (owners, workers) => {
      const alive = new Set(workers);
      let board = leases(...owners);
      for (let turn = 0; turn < 20; turn++) {
        for (const me of workers) {
          const { take, give } = planLeases(board, { me, alive });
          board = board.map(({ stream, owner }) => ({
            stream,
            owner: take.includes(stream) ? me : give.includes(stream) ? null : owner,
          }));
        }
      }
      const held = workers.map((me) => board.filter(({ owner }) => owner === me).length);
      expect(board.filter(({ owner }) => owner === null || !alive.has(owner))).toEqual([]);
      expect(Math.max(...held)).toBeLessThanOrEqual(Math.ceil(board.length / workers.length));
    },
  );
  fc.assert(property);
});
