import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Generated code imports the package by its name; the tests run it from its sources, unbuilt.
  ssr: { resolve: { conditions: ['prisma-dbsync-source', 'module', 'node', 'development|production'] } },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two cores: more workers only make the timing-sensitive lanes slower.
    maxWorkers: 2,
  },
})
