import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    globalSetup: ["tests/support/postgres.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Tests wait for sockets more than they compute: two files at once, on two cores, too.
    maxWorkers: 2,
    // What functions log is for operators; a failing test shows it.
    silent: "passed-only",
  },
});
