import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readResults, resultTables } from "../../faults/seeds/count-results.ts";
import { projectRoot } from "../../support/project-root.ts";

it("docs/reliability.md says of seeds what was kept of them (node test/faults/seeds/write-docs.ts)", () => {
  expect(readFileSync(join(projectRoot, "docs/reliability.md"), "utf8")).toContain(resultTables(readResults()));
});
