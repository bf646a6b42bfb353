import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: 'tests/support/build.ts',
    // What was built runs as it is.
    server: { deps: { external: [/\/dist\/(functions|simulation)\//] } },
    pool: 'forks',
    // Of two cores: many tests wait for processes and timers.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
