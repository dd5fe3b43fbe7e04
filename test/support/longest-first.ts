/** Test files in, the order in which they start out: the ones that wait for minutes first, so that the others run beside them. */
import { BaseSequencer, type TestSpecification } from "vitest/node";

const LONGEST = ["faults/outage", "faults/kill", "integration/commands-start", "integration/embedded-postgres"];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rankOf(a.moduleId) - rankOf(b.moduleId));
  }
}

function rankOf(path: string): number {
  const rank = LONGEST.findIndex((part) => path.includes(part));
  return rank === -1 ? LONGEST.length : rank;
}
