import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/simulation/**/*.test.ts'],
    // What was bundled runs as it is.
    server: { deps: { external: [/\/dist\/simulation\//] } },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 300_000,
  },
});
