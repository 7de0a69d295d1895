// Removes a test server once the process that started it is gone, however it went: the end of their pipe tells.
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const SECONDS_TO_END = 10
const folder = process.argv[2] ?? ''

await new Promise((done) => {
  for (const event of ['end', 'error', 'close']) process.stdin.once(event, done)
  process.stdin.resume()
})

const text = await readFile(join(folder, 'data/postmaster.pid'), 'utf8').catch(() => '')
const pid = Number(text.split('\n')[0])
// Nothing of it is needed any more: the immediate shutdown waits for nobody.
if (pid > 0 && !(await hasEnded(pid, 'SIGQUIT'))) await hasEnded(pid, 'SIGKILL')
await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })

async function hasEnded(server, signal) {
  try {
    process.kill(server, signal)
    for (let tries = 0; tries < SECONDS_TO_END * 50; tries += 1) {
      process.kill(server, 0)
      await sleep(20)
    }
    return false
  } catch {
    return true
  }
}
