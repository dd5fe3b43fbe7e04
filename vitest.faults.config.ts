/** `npm run faults`: seeds of faults against the real processes, one after the other. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/faults/seeds/seeds.run.ts"],
    globalSetup: ["test/support/global-setup.ts", "test/e2e/synthesise.ts"],
    fileParallelism: false,
    hookTimeout: 120_000,
    // A seed that fails says how it can be had again; the others run on.
    reporters: ["verbose"],
  },
});
