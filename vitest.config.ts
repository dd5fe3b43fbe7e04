import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

export default defineConfig({
  test: {
    include: ["test/{unit,contract,integration,infra,faults,localstack}/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    // Real processes and a real Postgres on two shared cores: waits are conditions with a limit, and this is the limit.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Each change is judged by one run on a busy machine. What passes only at its second try is listed at the end, as something to mend.
    retry: process.env["CI"] === undefined ? 0 : 1,
    sequence: { sequencer: LongestFirst },
    reporters: ["default", "./test/support/summary-reporter.ts"],
  },
});
