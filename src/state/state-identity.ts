import { endianness } from 'node:os'
import { z } from 'zod'

/** Raised when what is saved means something else than before. */
const FORMAT = 1

/** What a state is the state of. */
export interface StateIdentity {
  readonly format: number
  readonly byteOrder: string
  /** Of this package. */
  readonly version: string
  readonly contract: string
  /** Name and fingerprint of each view, in the order in which they were compiled; those that are stored after the others. */
  readonly views: readonly string[]
  readonly slot: string
  /** What is read: the publication. */
  readonly publication: string
}

/** What the server was like when a state was saved. */
export interface StateOrigin {
  /** Another one for each state. */
  readonly id: string
  readonly system: string
  readonly timeline: number
  /** Text of the LSN: the state holds everything before it and nothing after. */
  readonly position: string
  /** What the tables were like in the catalog, as the caller put it. */
  readonly catalog: unknown
  /** For each place where views are written: the position that it shows, if no change waited for it; else null. */
  readonly stores: readonly (string | null)[]
}

export const identitySchema = z.object({
  format: z.number(),
  byteOrder: z.string(),
  version: z.string(),
  contract: z.string(),
  views: z.array(z.string()),
  slot: z.string(),
  publication: z.string(),
})

export const originSchema = z.object({
  id: z.string(),
  system: z.string(),
  timeline: z.number(),
  position: z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/),
  catalog: z.unknown(),
  stores: z.array(z.string().nullable()),
})

/** What this process would save, and can use. */
export function makeIdentity(parts: Omit<StateIdentity, 'format' | 'byteOrder'>): StateIdentity {
  return { format: FORMAT, byteOrder: endianness(), ...parts }
}

/** Why a state of another identity is of no use here, as the end of a sentence; null if it is of this one. */
export function misfitOf(saved: StateIdentity, own: StateIdentity): string | null {
  const differs = (key: Exclude<keyof StateIdentity, 'views'>): boolean => saved[key] !== own[key]
  if (differs('format')) return `it is of format ${saved.format}, and format ${own.format} is needed`
  if (differs('byteOrder')) return 'it was saved on a machine of another byte order'
  if (differs('version'))
    return `it was saved by version ${saved.version}, and this is version ${own.version}`
  if (differs('slot')) return `it belongs to slot "${saved.slot}", and the slot is "${own.slot}"`
  if (differs('publication'))
    return `it was read from publication "${saved.publication}", and that is now "${own.publication}"`
  if (differs('contract')) return 'the generated contract was another one'
  const changed = own.views.filter((view) => !saved.views.includes(view))
  const gone = saved.views.filter((view) => !own.views.includes(view))
  if (changed.length > 0 || gone.length > 0) {
    const names = [...new Set([...changed, ...gone].map((view) => view.slice(0, view.lastIndexOf(':'))))]
    return `the definitions of views have changed: ${names.join(', ')}`
  }
  return saved.views.join() === own.views.join() ? null : 'the views stood in another order'
}
