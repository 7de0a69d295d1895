import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate authority and a server's certificate for one IP address, as PEM; the files go when the test ends. */
export interface Certificates extends Disposable {
  readonly caFile: string
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Whether the `openssl` program is there to make certificates with. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/** An IPv4 address of this machine that is not its loopback; undefined if there is none. */
export const ownAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

/** Makes them with `openssl`. */
export function certificatesFor(address: string): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'dbsync-tls-'))
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  }
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
  )
  openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=server')
  writeFileSync(join(folder, 'names'), `subjectAltName=IP:${address}`)
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names']
  openssl('x509', '-req', '-in', 'server.csr', ...signed, '-out', 'server.pem')
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8')
  return {
    caFile: join(folder, 'ca.pem'),
    ca: read('ca.pem'),
    cert: read('server.pem'),
    key: read('server.key'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
