import { defineConfig } from 'prisma/config'

export default defineConfig({
  schema: 'schema.prisma',
  migrations: { path: 'migrations' },
  // DBSync makes and changes these, so no migration does.
  experimental: { externalTables: true },
  tables: { external: ['derived.restaurant_rating'] },
})
