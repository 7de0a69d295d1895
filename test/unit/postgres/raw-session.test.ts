import { createServer, type Socket } from 'node:net'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DbsyncError } from '../../../src/core/errors.ts'
import { RawSession } from '../../../src/postgres/raw-session.ts'
import { protocolMessage } from '../../support/pgoutput.ts'

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const int32 = (value: number): Buffer => Buffer.from([value >> 24, value >> 16, value >> 8, value])
const ready = protocolMessage('Z', Buffer.from('I'))
const complete = (command: string): Buffer => protocolMessage('C', Buffer.from(`${command}\0`))
const copyData = (text: string | Buffer): Buffer => protocolMessage('d', Buffer.from(text))
const dataRow = (...values: (string | null)[]): Buffer =>
  protocolMessage(
    'D',
    Buffer.concat([
      int16(values.length),
      ...values.map((value) =>
        value === null ? int32(-1) : Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value)]),
      ),
    ]),
  )
const errorFields = (severity: string, sqlState: string, text: string): Buffer =>
  Buffer.from(`SÜBERSETZT\0V${severity}\0C${sqlState}\0M${text}\0Ddetail with a row value\0Rroutine\0\0`)

/** A server that logs everybody in and answers each query with the fragments that the test has for it. */
class ScriptedServer implements AsyncDisposable {
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((socket) => this.#serve(socket))
  /** What the next query is answered with: fragments, each written by itself. */
  answers: (readonly Buffer[])[] = []

  async open(): Promise<this> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return this
  }

  async session(): Promise<RawSession> {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    this.answers = [[complete('SET'), ready]]
    return RawSession.connect(
      { host: '127.0.0.1', port: address.port, user: 'u', database: 'd' },
      'test',
      false,
    )
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    let isLoggedIn = false
    socket.on('data', (chunk) => {
      if (!isLoggedIn) {
        isLoggedIn = true
        const greeting = [protocolMessage('R', int32(0)), protocolMessage('K', Buffer.alloc(8, 1)), ready]
        socket.write(Buffer.concat(greeting))
      } else if (chunk[0] === 0x51) void this.#write(socket, this.answers.shift() ?? [])
      else if (chunk[0] === 0x58) socket.end()
    })
  }

  async #write(socket: Socket, fragments: readonly Buffer[]): Promise<void> {
    for (const fragment of fragments) {
      if (socket.destroyed) return
      await new Promise<void>((done) => {
        socket.write(fragment, () => setImmediate(done))
      })
    }
  }

  /** Ends all connections from the server's side. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    await new Promise((done) => this.#server.close(done))
  }
}

/** Splits bytes at some places. */
function split(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % bytes.length))].toSorted((a, b) => a - b)
  const parts: Buffer[] = []
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    if (cut > from) parts.push(bytes.subarray(from, cut))
    from = cut
  }
  return parts
}

/** Notes what a session is handed: payloads in order, and whether each lies where the arguments say. */
function listen(session: RawSession): { readonly payloads: string[]; chunkEnds: number } {
  const seen = { payloads: [] as string[], chunkEnds: 0 }
  session.onCopyData = (buffer, frame, start, end) => {
    if (buffer[frame] !== 0x64 || start !== frame + 5 || end !== frame + 1 + buffer.readInt32BE(frame + 1)) {
      throw new Error('not a CopyData message')
    }
    seen.payloads.push(buffer.toString('latin1', start, end))
  }
  session.onChunkEnd = () => {
    seen.chunkEnds += 1
  }
  return seen
}

test('messages arrive whole and in order however the bytes are split', async () => {
  await using server = await new ScriptedServer().open()
  const session = await server.session()
  const messages = fc.array(
    fc.oneof(
      fc
        .string({ maxLength: 30 })
        .map((text) => ({ bytes: copyData(Buffer.from(text)), text: Buffer.from(text) })),
      fc.constant({ bytes: protocolMessage('N', errorFields('NOTICE', '00000', 'n')), text: null }),
      fc.constant({ bytes: protocolMessage('S', Buffer.from('TimeZone\0UTC\0')), text: null }),
    ),
    { maxLength: 12 },
  )
  await fc.assert(
    fc.asyncProperty(messages, fc.array(fc.nat(), { maxLength: 12 }), async (list, places) => {
      const seen = listen(session)
      const bytes = Buffer.concat([
        protocolMessage('H', Buffer.from([0, 0, 0])),
        ...list.map((one) => one.bytes),
        protocolMessage('c', Buffer.alloc(0)),
        complete('COPY 1'),
        dataRow('left', null, 'é🙂'),
        complete('SELECT 1'),
        ready,
      ])
      server.answers.push(split(bytes, places))
      const results = await session.query('COPY …')
      expect(seen.payloads).toEqual(
        list.flatMap(({ text }) => (text === null ? [] : [text.toString('latin1')])),
      )
      expect(results).toEqual([
        { command: 'COPY 1', rows: [] },
        { command: 'SELECT 1', rows: [['left', null, 'é🙂']] },
      ])
    }),
    { numRuns: 60 },
  )
  await session.close()
  expect(await session.closed).toBeNull()
})

test('single bytes, one message over many chunks, and many messages in one', async () => {
  await using server = await new ScriptedServer().open()
  const session = await server.session()
  const small = Buffer.concat([copyData(''), copyData('a'), copyData('bc'), complete('COPY 3'), ready])
  const seen = listen(session)
  server.answers.push([...small].map((byte) => Buffer.from([byte])))
  await session.query('COPY 1')
  expect(seen.payloads).toEqual(['', 'a', 'bc'])
  const huge = Buffer.alloc(20_000_000, 'x')
  huge.write('end', huge.length - 3)
  const again = listen(session)
  const bytes = Buffer.concat([
    copyData('before'),
    copyData(huge),
    copyData('after'),
    complete('COPY 3'),
    ready,
  ])
  const startMs = performance.now()
  server.answers.push(
    split(
      bytes,
      Array.from({ length: 300 }, (_, index) => index * 65_000 + 3),
    ),
  )
  await session.query('COPY 2')
  expect(again.payloads.map((text) => text.length)).toEqual([6, huge.length, 5])
  expect(again.payloads[1]?.endsWith('xend')).toBe(true)
  // Joined once, not once a chunk.
  expect(performance.now() - startMs).toBeLessThan(5_000)
  const many = listen(session)
  server.answers.push([
    Buffer.concat([...Array.from({ length: 1_000 }, () => copyData('m')), complete('COPY'), ready]),
  ])
  await session.query('COPY 3')
  expect(many.payloads).toHaveLength(1_000)
  expect(many.chunkEnds).toBeLessThan(20)
  await session.close()
})

test('what a receiver keeps is never written again', async () => {
  await using server = await new ScriptedServer().open()
  const session = await server.session()
  const kept: { buffer: Buffer; start: number; end: number }[] = []
  session.onCopyData = (buffer, _frame, start, end) => kept.push({ buffer, start, end })
  const payloads = Array.from({ length: 400 }, (_, index) => `${index} `.repeat(1 + (index % 300)))
  const bytes = Buffer.concat([...payloads.map(copyData), complete('COPY'), ready])
  server.answers.push(
    split(
      bytes,
      payloads.map((_, index) => index * 911 + 5),
    ),
  )
  await session.query('COPY')
  expect(kept.map(({ buffer, start, end }) => buffer.toString('latin1', start, end))).toEqual(payloads)
  await session.close()
})

test('a failed statement has its code and leaves the session usable; details are not shown', async () => {
  await using server = await new ScriptedServer().open()
  const session = await server.session()
  server.answers.push([protocolMessage('E', errorFields('ERROR', '42501', 'permission denied')), ready])
  const error: unknown = await session.query('SELECT secret').catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'POSTGRES.PERMISSION', details: { sqlState: '42501' } })
  expect(String(error)).toContain('permission denied')
  expect(String(error)).not.toContain('row value')
  server.answers.push([dataRow('1'), complete('SELECT 1'), ready])
  const both = [session.query('SELECT 1'), session.query('SELECT 2')]
  expect(await Promise.allSettled(both)).toMatchObject([
    { status: 'fulfilled', value: [{ command: 'SELECT 1', rows: [['1']] }] },
    { status: 'rejected', reason: { code: 'INTERNAL.INVARIANT' } },
  ])
  server.answers.push([protocolMessage('E', errorFields('FATAL', '57P01', 'terminating'))])
  const last = session.query('SELECT 3')
  setTimeout(() => server.cut(), 50)
  await expect(last).rejects.toMatchObject({ code: 'POSTGRES.CONNECTION_LOST' })
  expect((await session.closed)?.code).toBe('POSTGRES.CONNECTION_LOST')
  await expect(session.query('SELECT 4')).rejects.toMatchObject({ code: 'POSTGRES.CONNECTION_LOST' })
})

test('a connection that is cut ends what runs with the loss, and close after it is quiet', async () => {
  await using server = await new ScriptedServer().open()
  const session = await server.session()
  server.answers.push([copyData('half').subarray(0, 7)])
  const seen = listen(session)
  const running = session.query('COPY')
  setTimeout(() => server.cut(), 50)
  await expect(running).rejects.toMatchObject({ code: 'POSTGRES.CONNECTION_LOST' })
  expect(seen.payloads).toEqual([])
  await session.close()
  expect((await session.closed)?.code).toBe('POSTGRES.CONNECTION_LOST')
})

test('a receiver that ends the session sees nothing that came after', async () => {
  await using server = await new ScriptedServer().open()
  const session = await server.session()
  const reason = new DbsyncError('CHANGES.UNDECODABLE_VALUE', 'on purpose')
  const seen: string[] = []
  let chunkEnds = 0
  session.onChunkEnd = () => (chunkEnds += 1)
  session.onCopyData = (buffer, _frame, start, end) => {
    seen.push(buffer.toString('latin1', start, end))
    session.destroy(reason)
  }
  server.answers.push([Buffer.concat([copyData('one'), copyData('two'), complete('COPY'), ready])])
  await expect(session.query('COPY')).rejects.toBe(reason)
  expect(await session.closed).toBe(reason)
  expect([seen, chunkEnds]).toEqual([['one'], 0])
})

const BROKEN: Readonly<Record<string, Buffer>> = {
  'a message of an unknown kind': protocolMessage('q', Buffer.from('x')),
  'a length beyond what a server sends': Buffer.concat([
    Buffer.from('d'),
    int32(0x7fff_ffff),
    Buffer.alloc(9),
  ]),
  'a long message of a kind that is short': Buffer.concat([Buffer.from('Z'), int32(40_000), Buffer.alloc(9)]),
  'a length below four': Buffer.concat([Buffer.from('d'), int32(3), Buffer.alloc(9)]),
  'a negative length': Buffer.concat([Buffer.from('d'), int32(-1), Buffer.alloc(9)]),
  'a row whose value reaches beyond it': protocolMessage(
    'D',
    Buffer.concat([int16(1), int32(100), Buffer.from('x')]),
  ),
  'a row with more columns than bytes': protocolMessage('D', int16(500)),
  'a row without its count': protocolMessage('D', Buffer.alloc(1)),
}
for (const [name, bytes] of Object.entries(BROKEN)) {
  test(`${name} ends the session with WAL.MALFORMED, not the process`, async () => {
    await using server = await new ScriptedServer().open()
    const session = await server.session()
    const seen = listen(session)
    server.answers.push([Buffer.concat([copyData('good'), bytes, copyData('bad'), complete('COPY'), ready])])
    await expect(session.query('COPY')).rejects.toMatchObject({ code: 'WAL.MALFORMED' })
    expect((await session.closed)?.code).toBe('WAL.MALFORMED')
    expect(seen.payloads).toEqual(['good'])
  })
}

test('a receiver that throws ends the session as the bug that it is, not the process', async () => {
  await using server = await new ScriptedServer().open()
  for (const hook of ['onCopyData', 'onChunkEnd'] as const) {
    const session = await server.session()
    session[hook] = () => {
      throw new TypeError('mine, with a row value')
    }
    server.answers.push([Buffer.concat([copyData('x'), complete('COPY'), ready])])
    await session.query('COPY').catch(() => {})
    const error = await session.closed
    const places = [expect.stringContaining('raw-session')]
    expect(error).toMatchObject({ code: 'INTERNAL.INVARIANT', details: { kind: 'TypeError' } })
    expect(error?.details['places']).toEqual(expect.arrayContaining(places))
    expect(inspect(error)).not.toContain('row value')
  }
})

/** Seconds under SOAK, else runs. */
const SOAK = process.env['SOAK'] === '1'

test('a stream with bits turned over, cut or made up ends in results or in a code, never in silence', async () => {
  await using server = await new ScriptedServer().open()
  const good = Buffer.concat([
    protocolMessage('H', Buffer.from([0, 0, 0])),
    copyData('one'),
    copyData('two'),
    protocolMessage('c', Buffer.alloc(0)),
    complete('COPY 2'),
    protocolMessage('N', errorFields('NOTICE', '00000', 'n')),
    protocolMessage('T', int16(0)),
    dataRow('left', null, 'é🙂'),
    complete('SELECT 1'),
    protocolMessage('E', errorFields('ERROR', '42501', 'no')),
    ready,
  ])
  const flips = fc.array(fc.nat(good.length * 8 - 1), { minLength: 1, maxLength: 4 })
  const bytes = fc.oneof(
    {
      weight: 4,
      arbitrary: flips.map((bits) => {
        const copy = Buffer.from(good)
        for (const bit of bits) copy[bit >> 3]! ^= 1 << (bit & 7)
        return copy
      }),
    },
    { weight: 1, arbitrary: fc.nat(good.length - 1).map((length) => good.subarray(0, length)) },
    { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 200 }).map((raw) => Buffer.from(raw)) },
  )
  const outcomes = new Set<string>()
  await fc.assert(
    fc.asyncProperty(bytes, fc.array(fc.nat(), { maxLength: 4 }), async (stream, places) => {
      const session = await server.session()
      server.answers.push(split(stream, places))
      const running = session.query('COPY').then(
        () => 'read',
        (error: unknown) => (error instanceof DbsyncError ? error.code : `escaped: ${String(error)}`),
      )
      // What is still waited for after all bytes have come ends with the connection.
      const timer = setTimeout(() => server.cut(), 30)
      const found = await running
      clearTimeout(timer)
      outcomes.add(found)
      expect(found).toMatch(/^(read|WAL\.MALFORMED|POSTGRES\.\w+|SLOT\.IN_USE)$/)
      await session.close(0)
      const reason = await session.closed
      expect(reason?.code ?? 'WAL.MALFORMED').toMatch(/^(WAL\.MALFORMED|POSTGRES\.\w+|SLOT\.IN_USE)$/)
    }),
    SOAK ? { numRuns: 1_000_000, interruptAfterTimeLimit: 12_000 } : { numRuns: 100 },
  )
  expect([...outcomes]).toEqual(expect.arrayContaining(['WAL.MALFORMED', 'POSTGRES.PERMISSION']))
}, 60_000)
