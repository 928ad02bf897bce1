import { defineConfig } from "vitest/config";
export default defineConfig({ test: { include: ["zz_review_t/**/*.test.ts"], globalSetup: ["tests/support/postgres.ts"], testTimeout: 60000, hookTimeout: 60000, silent: false } });
