import { describe, expect, it } from "vitest";
import { chosenParts, PARTS, unknownParts } from "../../bench/parts.ts";

describe("the parts of a run", () => {
  it("are all of them where none is named, but for those measured within another", () => {
    const names = chosenParts([]).map(({ name }) => name);
    expect(names).toEqual(PARTS.map(({ name }) => name).filter((name) => name !== "reading"));
  });

  it("are those named, in the order of the bench", () => {
    expect(chosenParts(["storage", "pack"]).map(({ name }) => name)).toEqual(["pack", "storage"]);
  });

  it("contain one by itself unless the one around it runs as well", () => {
    expect(chosenParts(["reading"]).map(({ name }) => name)).toEqual(["reading"]);
    expect(chosenParts(["reading", "growth"]).map(({ name }) => name)).toEqual(["growth"]);
  });

  it("are told apart from names that no part has", () => {
    expect(unknownParts(["pack", "packs", "index"])).toEqual(["packs"]);
  });

  it("have the name under which they are listed", async () => {
    for (const name of ["pack", "index", "hot-rows", "storage", "growth", "reading"]) {
      const part = await PARTS.find((entry) => entry.name === name)?.load();
      expect(part?.name).toBe(name);
    }
  });
});
