import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // The simulation's own tests take minutes still; they are run by hand: npx vitest run --config tests/simulation/vitest.config.ts
    exclude: ['tests/simulation/**'],
    globalSetup: 'tests/support/build.ts',
    // What was built runs as it is.
    server: { deps: { external: [/\/dist\/functions\//] } },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
