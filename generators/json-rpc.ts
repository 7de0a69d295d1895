import type { Readable, Writable } from 'node:stream'
import * as z from 'zod'

const requestForm = z.object({
  id: z.unknown().optional(),
  method: z.string(),
  params: z.unknown().optional(),
})

/** Answers one method; what it throws goes back to the caller as the reply's error message. */
export type Method = (params: unknown) => unknown

/**
 * Serves JSON-RPC 2.0 in Prisma's way: one message a line, requests in on `input`, replies out on `output`.
 *
 * Ends when the input ends. Lines are cut at `\n` alone: schema comments may hold U+2028, at which Node's
 * readline would cut too.
 */
export async function serveJsonRpc(
  methods: ReadonlyMap<string, Method>,
  input: Readable,
  output: Writable,
): Promise<void> {
  let pending: string[] = []
  input.setEncoding('utf8')
  for await (const chunk of input as AsyncIterable<string>) {
    const [head = '', ...tail] = chunk.split('\n')
    pending.push(head)
    for (const next of tail) {
      const line = pending.join('')
      pending = [next]
      if (line.trim() !== '') output.write(`${JSON.stringify(await answer(methods, line))}\n`)
    }
  }
}

async function answer(methods: ReadonlyMap<string, Method>, line: string): Promise<object> {
  let id: unknown = null
  try {
    const request = requestForm.parse(JSON.parse(line))
    id = request.id ?? null
    const method = methods.get(request.method)
    if (method === undefined) {
      return { jsonrpc: '2.0', id, error: { code: -32_601, message: `no method ${request.method}` } }
    }
    return { jsonrpc: '2.0', id, result: (await method(request.params)) ?? null }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { jsonrpc: '2.0', id, error: { code: -32_000, message } }
  }
}
