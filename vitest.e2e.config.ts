/** `npm run e2e:aws`: the whole way as it would run on AWS. Each scenario is a line of the output, with its time. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/e2e/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts", "test/e2e/synthesise.ts"],
    // A scenario is half a dozen processes: one at a time on two cores.
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    retry: process.env["CI"] === undefined ? 0 : 1,
    reporters: ["verbose"],
  },
});
