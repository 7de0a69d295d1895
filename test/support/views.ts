import { createSync, type Sync, type SyncEvent, type ViewDefinition, type ViewSet } from 'prisma-dbsync'
import { schema } from '../../generated/dbsync/index.ts'
import { verifyView } from '../../src/testing/verify-view.ts'
import type { TestDatabase } from './database.ts'
import { exampleViews } from './example-views.ts'

export { exampleViews }

/** A sync of the example's views that notes its events. */
export function exampleSync(
  url: string,
  options: Partial<Parameters<typeof createSync>[0]> = {},
): { readonly sync: Sync<typeof exampleViews>; readonly events: SyncEvent[] } {
  const events: SyncEvent[] = []
  const sync = createSync({
    schema,
    connection: url,
    views: exampleViews,
    onEvent: (event) => events.push(event),
    ...options,
  })
  return { sync: sync as Sync<typeof exampleViews>, events }
}

/** Fails unless every view equals its SQL on the server now. */
export async function expectExact(
  db: TestDatabase,
  sync: Sync<typeof exampleViews>,
  views: ViewSet = exampleViews,
): Promise<void> {
  for (const view of Object.values<ViewDefinition>(views)) {
    await verifyView(sync, view, { connection: db.url })
  }
}
