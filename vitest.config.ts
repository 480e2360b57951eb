import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: ['./test/support/kafka-setup.ts', './test/support/postgres-setup.ts'],
    include: ['test/**/*.test.ts'],
    // What is waited for comes sooner or later, on a busy machine later: these end only what hangs.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 60_000 } },
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default', './test/support/summary-reporter.ts'],
  },
})
