import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type RedisClientType } from 'redis'
import type { RedisClient } from '../../src/stores/redis/redis-client.ts'
import { redisStore, type RedisStoreOptions } from '../../src/stores/redis/redis-store.ts'
import type { ViewStore } from '../../src/stores/view-store.ts'
import { until } from './faults.ts'
import { freePort } from '../../src/testing/embedded-server.ts'
import { dockerAnswers } from '../../src/testing/test-server.ts'

/** A running Redis and how to end it. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string
  readonly origin: 'REDIS_URL' | 'testcontainers' | 'redis-server'
}

/** The chain: REDIS_URL, else testcontainers where a Docker engine answers, else the machine's own `redis-server`. */
export async function startRedis(): Promise<TestRedis> {
  const url = process.env['REDIS_URL']
  if (url !== undefined && url !== '') {
    return { url, origin: 'REDIS_URL', [Symbol.asyncDispose]: async () => {} }
  }
  return startOwnRedis()
}

/** A server of the test's own, with further settings. */
export async function startOwnRedis(...settings: readonly string[]): Promise<TestRedis> {
  if (!(await dockerAnswers())) return startLocalRedis(settings)
  const { GenericContainer } = await import('testcontainers')
  const container = await new GenericContainer('redis:7-alpine')
    .withExposedPorts(6379)
    .withCommand(['redis-server', '--save', '', ...settings])
    .start()
  return {
    url: `redis://${container.getHost()}:${container.getMappedPort(6379)}`,
    origin: 'testcontainers',
    async [Symbol.asyncDispose]() {
      await container.stop()
    },
  }
}

async function startLocalRedis(settings: readonly string[]): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'dbsync-redis-'))
  const port = await freePort()
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...settings],
    { stdio: 'ignore' },
  )
  const failure = new Promise<never>((_, reject) => {
    server.once('error', () => {
      reject(new Error('Found no Redis; set REDIS_URL, start Docker or install redis-server.'))
    })
  })
  const url = `redis://127.0.0.1:${port}`
  await Promise.race([until(() => answers(url), 30_000), failure])
  return {
    url,
    origin: 'redis-server',
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL')
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function answers(url: string): Promise<boolean> {
  const client = createClient({ url, socket: { reconnectStrategy: false } })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.ping()
    return true
  } catch {
    return false
  } finally {
    if (client.isOpen) client.destroy()
  }
}

/** An application's client. */
export async function redisClient(url: string): Promise<RedisClientType & AsyncDisposable> {
  const client: RedisClientType = createClient({ url })
  client.on('error', () => {})
  await client.connect()
  return Object.assign(client, {
    [Symbol.asyncDispose]() {
      if (client.isOpen) client.destroy()
      return Promise.resolve()
    },
  })
}

/** What happens around the commands of the connections that are made from a client. */
export interface Hooks {
  /** Before the command is sent; the connection breaks if it throws. */
  before?(command: readonly string[]): void | Promise<void>
  /** When its reply is there; the connection breaks if it throws, and nobody sees the reply. */
  after?(command: readonly string[]): void | Promise<void>
}

/** A client whose connections send one command after the other, each between its hooks. */
export function hookedClient(client: RedisClient, hooks: Hooks): RedisClient {
  let turn: Promise<unknown> = Promise.resolve()
  let broken: Error | null = null
  return {
    options: client.options,
    duplicate: (overrides) => hookedClient(client.duplicate(overrides), hooks),
    connect: () => client.connect(),
    on: (event, listener) => client.on(event, listener),
    destroy: () => client.destroy(),
    sendCommand(command) {
      const reply = turn.then(async () => {
        if (broken !== null) throw broken
        try {
          await hooks.before?.(command)
          const answer = await client.sendCommand(command)
          await hooks.after?.(command)
          return answer
        } catch (error) {
          broken = error instanceof Error ? error : new Error('Socket closed unexpectedly')
          throw broken
        }
      })
      turn = reply.catch(() => {})
      return reply
    },
  }
}

/** All keys of a prefix with what they hold: fields or a text; without those of the store itself. */
export async function redisRows(
  client: RedisClientType,
  prefix: string,
): Promise<Record<string, string | Record<string, string>>> {
  const names: string[] = []
  for await (const keys of client.scanIterator({ MATCH: `${prefix}:*`, COUNT: 1000 })) {
    names.push(...keys.filter((key) => !key.startsWith(`${prefix}:@`)))
  }
  const rows = names.map(async (key) => {
    const [type, fields, text] = await Promise.all([
      client.type(key),
      client.hGetAll(key).catch(() => ({})),
      client.get(key).catch(() => null),
    ])
    return [key, type === 'hash' ? { ...fields } : (text ?? '')] as const
  })
  return Object.fromEntries(await Promise.all(rows))
}

/** Deletes all keys of a prefix, as a server forgets them that keeps nothing. */
export async function forget(client: RedisClientType, prefix: string): Promise<void> {
  for await (const keys of client.scanIterator({ MATCH: `${prefix}:*`, COUNT: 1000 })) {
    if (keys.length > 0) await client.del(keys)
  }
}

/** A prefix of a test's own, which is empty again when the test ends. */
export interface RedisPlace extends AsyncDisposable {
  readonly prefix: string
  /** A store under the prefix; it is closed at the end. */
  store(options?: RedisStoreOptions, hooks?: Hooks): ViewStore
}

let places = 0

export function redisPlace(client: RedisClientType): RedisPlace {
  const prefix = `test-${process.pid}-${(places += 1)}`
  const stores: ViewStore[] = []
  return {
    prefix,
    store(options = {}, hooks) {
      const store = redisStore(hooks === undefined ? client : hookedClient(client, hooks), {
        prefix,
        ...options,
      })
      stores.push(store)
      return store
    },
    async [Symbol.asyncDispose]() {
      for (const store of stores) await store.close()
      await forget(client, prefix)
    },
  }
}
