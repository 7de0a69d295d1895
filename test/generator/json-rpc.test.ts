import { PassThrough, Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { serveJsonRpc } from '../../generators/json-rpc.ts'

async function replies(chunks: readonly (string | Buffer)[]): Promise<unknown[]> {
  const output = new PassThrough()
  const methods = new Map<string, (params: unknown) => unknown>([
    ['echo', (params) => params],
    ['nothing', () => undefined],
    ['late', async (params) => Promise.resolve(params)],
    [
      'fail',
      () => {
        throw new Error('two\nlines')
      },
    ],
  ])
  await serveJsonRpc(methods, Readable.from(chunks, { objectMode: false }), output)
  output.end()
  const text = Buffer.concat(await output.toArray()).toString()
  expect(text.endsWith('\n') || text === '').toBe(true)
  return text
    .split('\n')
    .slice(0, -1)
    .map((line): unknown => JSON.parse(line))
}

const request = (id: number, method: string, params?: unknown): string =>
  `${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`

test('each request gets its reply on one line, in order', async () => {
  const text =
    request(1, 'late', 'a') + request(2, 'echo', { b: 1 }) + request(3, 'nothing') + request(4, 'fail')
  expect(await replies([text])).toEqual([
    { jsonrpc: '2.0', id: 1, result: 'a' },
    { jsonrpc: '2.0', id: 2, result: { b: 1 } },
    { jsonrpc: '2.0', id: 3, result: null },
    { jsonrpc: '2.0', id: 4, error: { code: -32_000, message: 'two\nlines' } },
  ])
})

test('a message may hold line separators and come in any pieces, even of one character', async () => {
  const params = { documentation: 'a\u2028b\u2029c\rd\ne 😀' }
  const bytes = Buffer.from(request(1, 'echo', params) + request(2, 'echo', params))
  for (const size of [1, 2, 3, 7, 4096]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    )
    expect(await replies(chunks)).toEqual([1, 2].map((id) => ({ jsonrpc: '2.0', id, result: params })))
  }
})

test('an unknown method and a line that is no request get an error, and the next one its reply', async () => {
  expect(
    await replies([request(1, 'other'), 'no json\n', '{"id":2}\n', '\n', request(3, 'echo', 0)]),
  ).toEqual([
    { jsonrpc: '2.0', id: 1, error: { code: -32_601, message: 'no method other' } },
    { jsonrpc: '2.0', id: null, error: { code: -32_000, message: expect.stringContaining('JSON') } },
    { jsonrpc: '2.0', id: null, error: { code: -32_000, message: expect.stringContaining('method') } },
    { jsonrpc: '2.0', id: 3, result: 0 },
  ])
})
