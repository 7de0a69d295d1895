import pg from 'pg'
import { startEmbedded as startOwn, type OwnServer } from '../../src/testing/embedded-server.ts'
import { startTestServer, type TestServer } from '../../src/testing/test-server.ts'
import { binariesOf, installEmbedded, ROOT, testedMajor } from './embedded-postgres.ts'

export type { OwnServer }

/** Starts a server of the major that the run is for. `onLog` gets its log as it comes, in pieces. */
export async function startEmbedded(
  flags: readonly string[] = [],
  onLog: (text: string) => void = () => {},
): Promise<OwnServer> {
  return startOwn(await binariesOf(testedMajor()), { flags, onLog })
}

/** The server of a run: see `startTestServer`. Throws: an Error if the run is for another major than the server that was found. */
export async function startServer(): Promise<TestServer> {
  const major = testedMajor()
  const image = `postgres:${major}-alpine`
  const server = await startTestServer({ image, project: (await installEmbedded(major)) ?? ROOT })
  const asked = process.env['DBSYNC_TEST_POSTGRES'] ?? ''
  const found = await majorOf(server.url)
  if (asked === '' || asked === String(found)) return server
  await server.stop()
  throw new Error(`${server.origin} leads to PostgreSQL ${found}, DBSYNC_TEST_POSTGRES asks for ${asked}.`)
}

/** The major version of the server at `url`. */
export async function majorOf(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num')
    return Math.floor(Number(rows[0]?.server_version_num) / 10_000)
  } finally {
    await client.end()
  }
}
