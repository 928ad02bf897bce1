/** What takes too long for every `npm test`: `npm run test:proofs`, `npm run test:journeys`, and `npm run test:timing`, which needs a quiet machine. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.long.ts"],
    globalSetup: ["tests/support/postgres.ts"],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    // One thing at a time: what runs beside it would be measured, too.
    maxWorkers: 1,
    fileParallelism: false,
  },
});
