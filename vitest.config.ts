import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    // Real processes and real git: two files at a time keep a small machine usable.
    pool: 'forks',
    maxWorkers: 2,
    // A limit against hanging for ever; no test measures time.
    testTimeout: 180_000,
    hookTimeout: 60_000,
    reporters: ['./test/support/reporter.ts'],
  },
});
