import { findBinaries } from '../../src/testing/postgres-binaries.ts'
import { startEmbedded } from '../../src/testing/embedded-server.ts'

/*
 * A process that starts a server and does not stop it. It writes the server's connection string, and then ends by itself, or
 * not at all.
 */
const [ending] = process.argv.slice(2)
const binaries = await findBinaries(process.cwd())
if (binaries === null) throw new Error('no server for this platform')
const server = await startEmbedded(binaries)
process.stdout.write(`${server.url}\n`)
if (ending === 'wait') setInterval(() => {}, 1_000)
