import { setMaxListeners } from 'node:events'

/** What ends a sync. As many may wait for its signal at once as an application has requests; Node would warn of a leak. */
export function stopController(): AbortController {
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  return stop
}
