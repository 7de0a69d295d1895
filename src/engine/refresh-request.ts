import { z } from 'zod'
import { RESERVED_PREFIX } from '../wal/logical-message.ts'

/** Prefix of the logical messages that ask a running sync to read tables again. */
export const REFRESH_PREFIX = `${RESERVED_PREFIX}refresh`

const requestSchema = z.strictObject({
  id: z.string().min(1),
  models: z.array(z.string()).optional(),
  keys: z.array(z.unknown()).optional(),
  from: z.unknown().optional(),
  to: z.unknown().optional(),
})

/** A request to read tables again, as a transaction carries it: all tables, some, a list of keys, or a range of keys. */
export type RefreshRequest = Readonly<z.infer<typeof requestSchema>>

/** Reads the content of such a message; null if it is none. */
export function parseRefreshRequest(content: string): RefreshRequest | null {
  try {
    return requestSchema.safeParse(JSON.parse(content)).data ?? null
  } catch {
    return null
  }
}
