import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configurationPage } from "../../../lib/config/documentation.ts";
import { PROCESSES } from "../../../lib/config/processes.ts";
import { SETTINGS } from "../../../lib/config/settings.ts";

test("docs/configuration.md is what the schema says (node scripts/configuration-docs.ts)", () => {
  expect(readFileSync("docs/configuration.md", "utf8")).toBe(configurationPage());
});

test("some process reads each setting", () => {
  const read = new Set(Object.values(PROCESSES).flatMap((schema) => Object.keys(schema.shape)));
  expect([...read].toSorted()).toEqual(Object.keys(SETTINGS).toSorted());
});
