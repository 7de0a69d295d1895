import { defineConfig } from 'vitest/config'

// Generated code imports the package by its name; the tests run it from its sources, unbuilt.
const ssr = { resolve: { conditions: ['prisma-dbsync-source', 'module', 'node', 'development|production'] } }
const timeouts = { testTimeout: 60_000, hookTimeout: 120_000 }
/** What counts resources, listens to the process, or looks at the state of a module. */
const APART = ['fault', 'integration', 'race', 'security', 'package', 'testing', 'unit/client'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
)

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // Two cores: more workers only make the timing-sensitive lanes slower.
    maxWorkers: 2,
    projects: [
      { ssr, test: { ...timeouts, name: 'apart', include: APART } },
      // Many small files, each of which would load all sources anew.
      {
        ssr,
        test: {
          ...timeouts,
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: [...APART, '**/node_modules/**'],
          isolate: false,
        },
      },
    ],
  },
})
