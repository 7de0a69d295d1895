/**
 * What the Redis store needs of a client: one of the `redis` package (node-redis 5 or newer), connected or not, fits as it
 * is. It is not for clusters, whose transactions end at the border of a slot.
 */
export interface RedisClient {
  readonly options?: { readonly socket?: object | undefined } | undefined
  /** Another client of the same server, credentials and database. */
  duplicate(overrides: {
    readonly socket: object
    readonly disableOfflineQueue: boolean
    readonly commandsQueueMaxLength: number
    readonly commandOptions: { readonly timeout: number }
  }): RedisClient
  /** Resolves once commands can be sent. */
  connect(): Promise<unknown>
  /** Sends a command, its name first; resolves with the reply as it is. */
  sendCommand(command: string[]): Promise<unknown>
  /** Has the listener hear of lost connections; without one node-redis throws them. */
  on(event: 'error', listener: (error: Error) => void): unknown
  /** Ends the connection at once; what waits for a reply rejects. */
  destroy(): void
}
