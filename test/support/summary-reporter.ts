// In: the result of a run. Out: what was skipped and why, what passed only at its second try, and as the last line what scripts read: `12 passed, 0 failed, 3 skipped`.
import type { Reporter, SerializedError, TestCase, TestModule } from "vitest/node";

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const lines = [...skippedLines(modules), ...flakyLines(modules), totalsLine(modules, unhandledErrors)];
    process.stdout.write(`${lines.join("\n")}\n`);
  }
}

/** A file that could not be loaded, and a fault outside any test, each count as one failed test. */
export function totalsLine(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): string {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const count = (state: string) => tests.filter((test) => test.result().state === state).length;
  const brokenFiles = modules.filter(
    (module) => module.state() === "failed" && [...module.children.allTests("failed")].length === 0,
  );
  const failed = count("failed") + brokenFiles.length + unhandledErrors.length;
  // A test that has not run to its end (the run was cut short) is no pass either.
  const skipped = tests.length - count("passed") - count("failed");
  return `${count("passed")} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

function skippedLines(modules: readonly TestModule[]): string[] {
  const counts = new Map<string, number>();
  for (const test of modules.flatMap((module) => [...module.children.allTests("skipped")])) {
    const what = `${test.module.relativeModuleId}: ${nameOf(test)}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].map(([what, count]) => `skipped  ${what} (${count} ${count === 1 ? "test" : "tests"})`);
}

function flakyLines(modules: readonly TestModule[]): string[] {
  return modules.flatMap((module) =>
    [...module.children.allTests("passed")]
      .filter((test) => test.diagnostic()?.flaky)
      .map((test) => `flaky    ${module.relativeModuleId}: ${test.fullName}`),
  );
}

/** The reason where one was given, with the outermost suite; otherwise only the suite, whose name has to say it. */
function nameOf(test: TestCase): string {
  const result = test.result();
  const reason = result.state === "skipped" ? result.note : undefined;
  const [suite = test.name] = test.fullName.split(" > ");
  return reason === undefined ? suite : `${suite}: ${reason}`;
}
