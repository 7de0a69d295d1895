/** Waits for the work, but no longer than `graceMs`. Never throws. */
export async function settleWithin(work: Promise<unknown>, graceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const grace = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, graceMs)
  })
  await Promise.race([work.catch(() => {}), grace])
  clearTimeout(timer)
}
