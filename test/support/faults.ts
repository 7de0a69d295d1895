import { createServer, connect, type Socket } from 'node:net'
import type { TestDatabase } from './database.ts'

/** Waits. */
export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
/** Waits until a condition holds; throws if it does not in time. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it did not come')
    await sleep(10)
  }
}
/** Ends every walsender of the database's slots. */
export async function cutStream(db: TestDatabase): Promise<void> {
  await db.query(
    `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '${db.name}' AND active`,
  )
}
/** Resolves to 'done' | 'timeout' | error code. */
export async function within(ms: number, work: Promise<unknown>): Promise<string> {
  return Promise.race([
    work.then(
      () => 'done',
      (error: unknown) => String(Reflect.get(error as object, 'code') ?? error),
    ),
    sleep(ms).then(() => 'timeout'),
  ])
}
/** How many sessions of a sync there are, by their role. */
export async function sessions(db: TestDatabase, role: string): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = '${db.name}' AND application_name = 'dbsync ${role}'`,
  )
  return row?.n ?? -1
}
/** The server's version as `server_version_num` has it: 180004 for 18.4. */
export async function serverVersion(db: Pick<TestDatabase, 'query'>): Promise<number> {
  const [row] = await db.query<{ v: number }>("SELECT current_setting('server_version_num')::int AS v")
  return row?.v ?? 0
}
export interface Link {
  readonly client: Socket
  readonly server: Socket
  name: string
  down: number
  /** The server's side ends, and the client's side is told nothing. */
  freeze(): void
  /** The client's side ends with a reset. */
  reset(): void
}
/** A TCP proxy; `links` in order of connecting; the application name is sniffed from the start-up packet. */
export async function proxy(url: string): Promise<{
  url: string
  links: Link[]
  onDown: (link: Link, chunk: Buffer) => void
  /** What it answers is waited for before the server gets the chunk. */
  onUp: (link: Link, chunk: Buffer) => Promise<void> | void
  /** Where new connections lead from now on. */
  retarget(url: string): void
  close(): void
}> {
  let target = new URL(url)
  const links: Link[] = []
  const self = {
    url: '',
    links,
    onDown: (_l: Link, _c: Buffer): void => {},
    onUp: (_l: Link, _c: Buffer): Promise<void> | void => {},
    retarget: (to: string): void => {
      target = new URL(to)
    },
    close: (): void => {},
  }
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect(Number(target.port), target.hostname)
    let frozen = false
    const link: Link = {
      client,
      server: upstream,
      name: '',
      down: 0,
      freeze: () => {
        frozen = true
        upstream.destroy()
      },
      reset: () => client.resetAndDestroy(),
    }
    links.push(link)
    client.on('data', (chunk: Buffer) => {
      const match = /application_name\0(dbsync \w+)\0/.exec(chunk.toString('latin1'))
      if (link.name === '' && match !== null) link.name = match[1] ?? ''
      const held = self.onUp(link, chunk)
      if (held !== undefined) void held.then(() => upstream.write(chunk))
      else if (!frozen) upstream.write(chunk)
    })
    upstream.on('data', (chunk: Buffer) => {
      link.down += chunk.length
      if (frozen) return
      self.onDown(link, chunk)
      client.write(chunk)
    })
    client.on('error', () => {})
    upstream.on('error', () => {})
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => {
      if (!frozen) client.destroy()
    })
    client.on('end', () => {
      // A frozen link keeps the client's half open and answers nothing.
      if (!frozen) client.destroy()
    })
  })
  server.on('error', () => {})
  await new Promise<void>((done) => server.listen({ port: 0, host: '127.0.0.1' }, done))
  const address = server.address()
  const own = new URL(url)
  own.hostname = '127.0.0.1'
  own.port = String(typeof address === 'object' && address !== null ? address.port : 0)
  self.url = own.href
  self.close = () => {
    server.close()
    for (const link of links) {
      link.client.destroy()
      link.server.destroy()
    }
  }
  return self
}
