/** By `@redis/client`. */

import type { Socket } from 'node:net'
import { takeRequireBack } from './builtin-modules.ts'
import { carriedBy } from './carried.ts'
import { createConnect } from './connect.ts'
import { createClient, ErrorReply, RESP_TYPES } from './node-redis-client.ts'
import type { WireFactory } from './wire.ts'

takeRequireBack()

const bytes = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.VERBATIM_STRING]: Buffer } }

const factory: WireFactory = {
  tracks: 'in order',
  open: ({ url, tls, credentials, connectTimeout, track }) => {
    let socket: Socket | null = null
    const client = createClient({
      url,
      RESP: 3,
      disableOfflineQueue: true,
      maintNotifications: 'disabled',
      emitInvalidate: track,
      // Its own limit makes a signal for each command; ours is one timer for all that is sent at once.
      commandOptions: { timeout: 0 },
      socket: {
        connectTimeout,
        noDelay: true,
        reconnectStrategy: (tries: number) => Math.min(10 * 2 ** Math.min(tries, 10), 1_000),
        // A socket without TLS hands this on to its stream, which says which one it is. Else bytes are not known.
        ...({
          construct(this: Socket, done: () => void) {
            socket = this
            done()
          },
        } as object),
        ...(tls === undefined ? {} : { tls: true, ...tls }),
      },
      ...(credentials === undefined ? {} : { credentialsProvider: { type: 'async-credentials-provider' as const, credentials } }),
    })
    const connect = (): void => void client.connect().catch(() => undefined) // closed meanwhile; all else is told by events
    client.on('error', () => {
      if (!client.isReady) return
      // What came made no sense, and the connection stands: what comes next cannot be told apart.
      client.destroy()
      connect()
    })
    connect()
    return {
      isReady: () => client.isReady,
      send: (args) => client.sendCommand(args, bytes),
      onReady: (listener) => void client.on('ready', listener),
      onLost: (listener) => {
        client.on('error', listener)
        client.on('end', listener)
        client.on('reconnecting', listener)
      },
      onInvalidated: (listener) =>
        void client.on('invalidate', (key: string | Buffer | null) => listener(key === null ? null : [String(key)])),
      isReply: (error) => error instanceof ErrorReply,
      carried: () => (socket === null ? 0 : carriedBy(socket)),
      close: () => client.destroy(),
    }
  },
}

/** Connects by `@redis/client` to one server or to a cluster, whichever answers. */
export const connectNodeRedis = createConnect(factory)
