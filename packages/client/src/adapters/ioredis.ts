/** By `ioredis` 5 or later, which the application brings. It does not tell of changed keys, so there is no near cache with it. */
import { Redis, ReplyError } from 'ioredis'
import { createConnect } from './connect.ts'
import { targetOf } from './url.ts'
import type { Wire, WireFactory } from './wire.ts'

const factory: WireFactory = {
  tracks: false,
  open: ({ url, tls, credentials, connectTimeout }): Wire => {
    const { host, port, database, isSecure, credentials: named } = targetOf(url)
    const client = new Redis({
      host,
      port,
      db: database,
      ...(isSecure ? { tls: { ...tls } } : {}),
      ...(credentials === undefined ? named : {}),
      lazyConnect: true,
      connectTimeout,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // Connected anew by us, since credentials have to be asked for each time.
      retryStrategy: () => null,
    })
    let isReady = false
    const ready: (() => void)[] = []
    const lost: ((error: unknown) => void)[] = []
    const tellReady = (): void => {
      isReady = true
      for (const listener of ready) listener()
    }
    const tellLost = (error?: unknown): void => {
      isReady = false
      for (const listener of lost) listener(error)
    }
    let tries = 0
    let timer: NodeJS.Timeout | undefined
    let isClosed = false
    const connect = async (): Promise<void> => {
      if (credentials !== undefined) {
        const { username = 'default', password } = await credentials()
        Object.assign(client.options, { username, password })
      }
      if (!isClosed) await client.connect()
    }
    const connectLater = (): void => {
      if (isClosed || timer !== undefined) return
      timer = setTimeout(begin, Math.min(10 * 2 ** Math.min(tries, 10), 1_000))
      tries += 1
    }
    const begin = (): void => {
      timer = undefined
      connect().catch((error: unknown) => {
        tellLost(error)
        connectLater()
      })
    }
    client.on('ready', () => {
      tries = 0
      tellReady()
    })
    client.on('error', tellLost)
    client.on('close', tellLost)
    client.on('end', connectLater)
    /** It writes each command at once; here all of a turn leave at its end. */
    let corked: typeof client.stream | null = null
    const together = (): void => {
      if (corked !== null || !isReady) return
      const stream = client.stream
      corked = stream
      stream.cork()
      setImmediate(() => {
        corked = null
        stream.uncork()
      })
    }
    begin()
    return {
      isReady: () => isReady,
      send: ([command = '', ...args]) => {
        together()
        return client.callBuffer(String(command), args)
      },
      onReady: (listener) => void ready.push(listener),
      onLost: (listener) => void lost.push(listener),
      onInvalidated: () => undefined,
      isReply: (error): error is Error => error instanceof ReplyError,
      close: () => {
        isClosed = true
        clearTimeout(timer)
        client.disconnect()
      },
    }
  },
}

/** Connects by `ioredis` to one server or to a cluster, whichever answers. */
export const connectIoredis = createConnect(factory)
