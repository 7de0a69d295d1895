import { createRequire } from 'node:module'
import { extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DbsyncError, isDbsyncError } from '../core/errors.ts'
import { isViewDefinition, type ViewDefinition } from '../views/define-view.ts'

/** A view that a module exports. */
export interface LoadedView {
  /** The name of the export, or of the property of an exported object. */
  readonly name: string
  readonly view: ViewDefinition
}

/**
 * Loads a module of the project and returns the views that it exports, by themselves or in an object or array, under each of their names. TypeScript is
 * loaded by the project's own tsx, or by a Node that strips types. What the module does when it is loaded, it does.
 *
 * Throws: CONFIG.INVALID_OPTIONS if it cannot be loaded or exports no view; the errors of `defineView`.
 */
export async function loadViews(module: string, cwd: string): Promise<readonly LoadedView[]> {
  const path = resolve(cwd, module)
  if (/^\.[cm]?tsx?$/.test(extname(path))) await registerTsx(path, cwd)
  const exported = await load(module, path)
  const views = Object.entries(exported).flatMap(([name, value]) => viewsIn(name, value))
  if (views.length > 0) return views
  throw new DbsyncError(
    'CONFIG.INVALID_OPTIONS',
    `${module} exports no view. Give a module whose exports are what defineView returns, or objects of them.`,
  )
}

async function load(module: string, path: string): Promise<object> {
  try {
    const loaded: unknown = await import(pathToFileURL(path).href)
    return typeof loaded === 'object' && loaded !== null ? loaded : {}
  } catch (error) {
    if (isDbsyncError(error)) throw error
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ERR_UNKNOWN_FILE_EXTENSION') {
      throw new DbsyncError(
        'CONFIG.INVALID_OPTIONS',
        `This Node does not load TypeScript (${module}). Install tsx in the project (npm install -D tsx), or give the compiled JavaScript.`,
      )
    }
    const reason = error instanceof Error ? error.message : String(error)
    throw new DbsyncError('CONFIG.INVALID_OPTIONS', `${module} cannot be loaded: ${reason}`, { cause: error })
  }
}

/** Has the project's tsx load TypeScript from now on, if there is one: `node --import tsx/esm` for what is loaded from here on. */
async function registerTsx(path: string, cwd: string): Promise<void> {
  for (const from of [path, join(cwd, 'package.json')]) {
    let found: string
    try {
      found = createRequire(pathToFileURL(from)).resolve('tsx/esm')
    } catch {
      continue
    }
    await import(pathToFileURL(found).href)
    return
  }
}

function viewsIn(name: string, value: unknown): readonly LoadedView[] {
  if (isViewDefinition(value)) return [{ name: name === 'default' ? value.name : name, view: value }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([property, item]) => {
    if (!isViewDefinition(item)) return []
    return [{ name: Array.isArray(value) ? item.name : property, view: item }]
  })
}
