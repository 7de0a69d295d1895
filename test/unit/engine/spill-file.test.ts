import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { SpillFile } from '../../../src/engine/spill-file.ts'
import { eachFrame, protocolMessage } from '../../support/pgoutput.ts'

const folder = mkdtempSync(join(tmpdir(), 'dbsync-spill-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('what is written comes back in spans of whole messages, whatever their sizes, as often as it is asked for', () => {
  const sizes = fc.oneof(fc.nat(300), fc.integer({ min: 100_000, max: 700_000 }))
  fc.assert(
    fc.property(fc.array(fc.array(sizes, { maxLength: 8 }), { maxLength: 4 }), (pieces) => {
      const file = new SpillFile(folder)
      const written: Buffer[] = []
      for (const piece of pieces) {
        const messages = piece.map((size, index) => protocolMessage('d', Buffer.alloc(size, index + 1)))
        written.push(...messages)
        // A span lies anywhere in its buffer.
        const buffer = Buffer.concat([Buffer.from('before'), ...messages, Buffer.from('behind')])
        file.append([{ buffer, from: 6, to: buffer.length - 6 }])
      }
      for (let time = 0; time < 2; time += 1) {
        let at = 0
        for (const span of file.spans()) {
          const part = span.buffer.subarray(span.from, span.to)
          let end = 0
          eachFrame(part, (_, stop) => {
            const expected = written[at]
            if (expected?.equals(part.subarray(end, stop)) !== true) throw new Error(`message ${at} differs`)
            at += 1
            end = stop
          })
          expect(end).toBe(part.length)
        }
        expect(at).toBe(written.length)
      }
      expect(file.bytes).toBe(Buffer.concat(written).length)
      file.release()
    }),
    { numRuns: 40 },
  )
})

test('the file has no name, so that nothing stays behind, and it is closed when the last one lets go', () => {
  const file = new SpillFile(folder)
  file.append([{ buffer: protocolMessage('d', Buffer.alloc(9)), from: 0, to: 14 }])
  expect(readdirSync(folder)).toEqual([])
  file.retain()
  file.release()
  expect([...file.spans()].length).toBe(1)
  const walk = file.spans()
  file.release()
  expect(file.isOpen).toBe(false)
  expect(() => walk.next()).toThrow('release')
})

test('a folder that is not there is SYNC.SPILL_FAILED', () => {
  expect(() => new SpillFile(join(folder, 'missing'))).toThrow(
    expect.objectContaining({ code: 'SYNC.SPILL_FAILED', recovery: 'fix', details: { reason: 'ENOENT' } }),
  )
})

test.skipIf(process.platform === 'win32')('a file that may not grow is SYNC.SPILL_FAILED', async () => {
  const script = `
    import { SpillFile } from '${join(import.meta.dirname, '../../../src/engine/spill-file.ts')}'
    process.on('SIGXFSZ', () => {})
    const file = new SpillFile(null)
    const buffer = Buffer.alloc(1024 * 1024)
    try {
      for (let turn = 0; turn < 8; turn += 1) file.append([{ buffer, from: 0, to: buffer.length }])
      console.log('no error')
    } catch (error) {
      console.log(error.code, error.details.reason)
    }`
  const output = await new Promise<string>((done) => {
    // The shell's limit is in blocks of 512 or 1024 bytes: less than the 8 MB that are written.
    execFile(
      'sh',
      [
        '-c',
        'ulimit -f 4096; exec "$0" "$@"',
        process.execPath,
        '--import',
        'tsx',
        '--input-type=module',
        '-e',
        script,
      ],
      (_error, stdout, stderr) => done(`${stdout}${stderr}`),
    )
  })
  expect(output.trim()).toBe('SYNC.SPILL_FAILED EFBIG')
})
