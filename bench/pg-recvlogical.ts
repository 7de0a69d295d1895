import { spawn, spawnSync } from 'node:child_process'
import { PUBLICATION } from './backlog.ts'

/** What the system's `pg_recvlogical` says of its version; null if there is none. */
export function recvlogicalVersion(): string | null {
  const { status, stdout } = spawnSync('pg_recvlogical', ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}

/**
 * Writes a slot's stream up to `end` into a file and resolves with the seconds from the start of the stream, which it
 * reports, to its own end. It confirms nothing before the end and never waits for the disk.
 */
export function runRecvlogical(url: string, slot: string, end: string, file: string): Promise<number> {
  const child = spawn(
    'pg_recvlogical',
    [
      '--start',
      '--no-loop',
      '--verbose',
      '--fsync-interval=0',
      `--dbname=${url}`,
      `--slot=${slot}`,
      `--endpos=${end}`,
      `--file=${file}`,
      '--option=proto_version=1',
      '--option=messages=true',
      `--option=publication_names=${PUBLICATION}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, LC_ALL: 'C' } },
  )
  return new Promise((resolve, reject) => {
    let said = ''
    let startMs: number | null = null
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (startMs === null && said.includes('streaming initiated')) startMs = performance.now()
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0 && startMs !== null) resolve((performance.now() - startMs) / 1000)
      else reject(new Error(`pg_recvlogical ended with ${code}:\n${said}`))
    })
  })
}
