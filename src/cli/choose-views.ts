import { DbsyncError } from '../core/errors.ts'
import type { ViewDefinition } from '../views/define-view.ts'
import type { LoadedView } from './load-views.ts'

/**
 * The views of those names, of views or of exports, or all if there are none; each once, whatever it is called.
 *
 * Throws: CONFIG.INVALID_OPTIONS for a name that the module does not export.
 */
export function chooseViews(
  views: readonly LoadedView[],
  names: readonly string[],
  module: string,
): readonly ViewDefinition[] {
  if (names.length === 0) return [...new Set(views.map(({ view }) => view))]
  const found = names.map((wanted) => {
    const loaded = views.find(({ name, view }) => view.name === wanted || name === wanted)
    if (loaded !== undefined) return loaded.view
    const known = views.map(({ name, view }) => (name === view.name ? name : `${name} (${view.name})`))
    throw new DbsyncError(
      'CONFIG.INVALID_OPTIONS',
      `${module} exports no view ${wanted}. It exports ${known.join(', ')}.`,
    )
  })
  return [...new Set(found)]
}
