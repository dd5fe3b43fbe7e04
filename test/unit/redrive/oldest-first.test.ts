import { expect, it } from "vitest";
import { oldestFirst } from "../../../lib/redrive/oldest-first.ts";

const named = (shard: string, time: string) =>
  `aws/lambda/0f9c/shardId-00000000000${shard}/2026/11/20/2026-11-20T${time}-7a6f0c2e`;

it("orders by the time in the names, whatever the shard", () => {
  const names = [named("0", "12.00.01"), named("1", "11.59.59"), named("2", "12.00.00"), named("0", "12.00.00")];
  const ordered = oldestFirst(names.map((name) => ({ name, writtenAtMs: 0 })));
  expect(ordered).toEqual([names[1], names[3], names[2], names[0]]);
});

it("takes the time of writing where a name does not say one, or an impossible one", () => {
  const noon = Date.parse("2026-11-20T12:00:00Z");
  const ordered = oldestFirst([
    { name: named("0", "12.00.00"), writtenAtMs: 0 },
    { name: "copied.json", writtenAtMs: noon - 1 },
    { name: named("0", "25.61.61"), writtenAtMs: noon + 1 },
  ]);
  expect(ordered).toEqual(["copied.json", named("0", "12.00.00"), named("0", "25.61.61")]);
});
