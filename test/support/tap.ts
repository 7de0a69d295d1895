import { createServer, connect, type Socket } from 'node:net'

/** A message of the protocol on its way through a {@link Tap}. */
export interface TapMessage {
  readonly from: 'client' | 'server'
  /** The letter of its type; empty for the start-up message. */
  readonly type: string
  /** What comes after type and length. */
  readonly body: Buffer
  /** The SQL that it is about (`Q`, `P`, `B`, `E`), or that ran last (what the server sends); empty where there is none. */
  readonly sql: string
}

/** pass: it goes on. hold: it and whatever follows on its connection, both ways, waits for {@link TapLink.release}. drop: it goes nowhere. */
export type TapVerdict = 'pass' | 'hold' | 'drop'

/** A proxy that takes connections apart into messages, so that a test can stop, change or add one at an exact place. */
export interface Tap extends AsyncDisposable {
  readonly url: string
  /** Connections in order, also those that have ended. */
  readonly links: readonly TapLink[]
  /** Asked for each message; default: all pass. */
  onMessage: (message: TapMessage, link: TapLink) => TapVerdict
  /** What is sent instead of a statement's SQL; default: the same. */
  rewrite: (sql: string) => string
  /** Whether new connections are taken. */
  isOpen: boolean
  /** Ends all connections, as the end of the client's process would: the server reads what was passed, then the end. */
  cut(): void
}

/** One connection through a {@link Tap}. */
export class TapLink {
  /** `dbsync replication`, `dbsync store` and so on. */
  name = ''
  isEnded = false
  readonly #tap: Pick<Tap, 'onMessage' | 'rewrite'>
  readonly #client: Socket
  readonly #server: Socket
  readonly #rest = { client: Buffer.alloc(0), server: Buffer.alloc(0) }
  readonly #held: (() => void)[] = []
  readonly #prepared = new Map<string, string>()
  #bound = ''
  #sql = ''
  #isStarted = false
  #isHeld = false
  #isInjected = false

  constructor(owner: Pick<Tap, 'onMessage' | 'rewrite'>, client: Socket, server: Socket) {
    this.#tap = owner
    this.#client = client
    this.#server = server
    for (const [from, socket] of [['client', client] as const, ['server', server] as const]) {
      // Messages go one by one; each would wait for the answer to the one before.
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => this.#read(from, chunk))
      socket.on('close', () => this.cut())
    }
  }

  /** Runs a statement of our own before whatever the client sends next; its answer is not passed on. */
  inject(sql: string): void {
    this.#isInjected = true
    this.#server.write(framed('Q', Buffer.from(`${sql}\0`)))
  }

  /** Lets go of what is held, and of what follows. */
  release(): void {
    this.#isHeld = false
    for (const pass of this.#held.splice(0)) pass()
  }

  cut(): void {
    this.isEnded = true
    this.#client.destroy()
    this.#server.end()
  }

  #read(from: TapMessage['from'], chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest[from], chunk])
    for (;;) {
      const head = from === 'client' && !this.#isStarted ? 0 : 1
      if (bytes.length < head + 4) break
      const end = head + bytes.readUInt32BE(head)
      if (bytes.length < end) break
      this.#isStarted ||= from === 'client'
      this.#take(from, bytes.toString('latin1', 0, head), bytes.subarray(head + 4, end))
      bytes = bytes.subarray(end)
    }
    this.#rest[from] = bytes
  }

  #take(from: TapMessage['from'], type: string, body: Buffer): void {
    const pass = (): void => {
      if (from === 'server' && this.#isInjected) {
        if (type === 'Z') this.#isInjected = false
        return
      }
      const [given, sql] = from === 'client' ? this.#understand(type, body) : [body, this.#sql]
      const verdict = this.#tap.onMessage({ from, type, body: given, sql }, this)
      if (verdict === 'drop') return
      const send = (): void => {
        const to = from === 'client' ? this.#server : this.#client
        if (to.writable) to.write(framed(type, given))
      }
      if (verdict === 'pass') {
        send()
        return
      }
      this.#isHeld = true
      this.#held.push(send)
    }
    if (this.#isHeld) this.#held.push(pass)
    else pass()
  }

  /** What is sent for a message of the client, and the SQL that it runs. */
  #understand(type: string, body: Buffer): readonly [Buffer, string] {
    if (type === '') this.name = /application_name\0([^\0]*)/.exec(body.toString('latin1'))?.[1] ?? ''
    if (type === 'Q') {
      this.#sql = this.#tap.rewrite(body.toString('utf8', 0, body.length - 1))
      return [Buffer.from(`${this.#sql}\0`), this.#sql]
    }
    if (type === 'P') {
      const [name, next] = textAt(body, 0)
      const [sql, rest] = textAt(body, next)
      const sent = this.#tap.rewrite(sql)
      this.#prepared.set(name, sent)
      return [Buffer.concat([Buffer.from(`${name}\0${sent}\0`), body.subarray(rest)]), sent]
    }
    if (type === 'B') {
      this.#bound = this.#prepared.get(textAt(body, textAt(body, 0)[1])[0]) ?? ''
      return [body, this.#bound]
    }
    if (type !== 'E') return [body, '']
    this.#sql = this.#bound
    return [body, this.#sql]
  }
}

/** A text that ends with a zero, and where the next begins. */
function textAt(body: Buffer, start: number): readonly [string, number] {
  const end = body.indexOf(0, start)
  return [body.toString('utf8', start, end), end + 1]
}

function framed(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(type, 'latin1'), length, body])
}

/** Starts a tap in front of a server. */
export async function tap(url: string): Promise<Tap> {
  const { port, hostname } = new URL(url)
  const links: TapLink[] = []
  const server = createServer((client) => {
    if (self.isOpen) links.push(new TapLink(self, client, connect(Number(port), hostname)))
    else client.destroy()
  })
  const self = {
    url: '',
    links,
    isOpen: true,
    onMessage: (): TapVerdict => 'pass',
    rewrite: (sql: string) => sql,
    cut: () => {
      for (const link of links) link.cut()
    },
    [Symbol.asyncDispose]: async () => {
      self.cut()
      await new Promise((done) => server.close(done))
    },
  } satisfies Tap
  server.on('error', () => {})
  await new Promise<void>((done) => server.listen({ port: 0, host: '127.0.0.1' }, done))
  const address = server.address()
  const own = new URL(url)
  own.hostname = '127.0.0.1'
  own.port = String(typeof address === 'object' && address !== null ? address.port : 0)
  self.url = own.href
  return self
}
