import { join } from 'node:path'
import { readReference } from './reference.ts'

/* `npm run docs`: writes `docs/api` anew. */

const reference = await readReference()
await reference.write(join(import.meta.dirname, 'api'))
