/** A promise with its ends in reach; a rejection that nobody awaits is not an unhandled one. */
export class Deferred {
  resolve: () => void = () => {}
  reject: (error: unknown) => void = () => {}
  readonly promise: Promise<void>

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    this.promise.catch(() => {})
  }
}
