/**
 * By `ioredis` 5 or later, which the application brings.
 *
 * It drops what servers tell of changed keys on the connection that has read them. So they tell it to a second connection to the same server (`CLIENT TRACKING … REDIRECT`),
 * which is asked, when it matters, whether everything has come. One without the other is worth nothing: where one is lost both are.
 */

import type { Socket } from 'node:net'
import { takeRequireBack } from './builtin-modules.ts'
import { carriedBy } from './carried.ts'
import { createConnect } from './connect.ts'
import { within } from './deadline.ts'
import { Redis, ReplyError } from './ioredis-client.ts'
import { targetOf } from './url.ts'
import type { Wire, WireFactory, WireOptions } from './wire.ts'

takeRequireBack()

const channel = '__redis__:invalidate'

const optionsFor = ({ url, tls, credentials, connectTimeout }: WireOptions) => {
  const { host, port, database, isSecure, credentials: named } = targetOf(url)
  return {
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
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    // Connected anew by us, since credentials have to be asked for each time.
    retryStrategy: () => null,
  }
}

const processOf = async (client: Redis): Promise<string> => {
  const id = /^run_id:(\S+)/m.exec(String(await client.call('INFO', 'server')))?.[1]
  if (id === undefined) throw new Error('expected run_id in INFO server, found none')
  return id
}

/** By RESP2, in which a message is one: ioredis drops what RESP3 has for it. */
const openTeller = (
  data: Redis,
  options: ReturnType<typeof optionsFor>,
  told: (keys: readonly string[] | null) => void,
  lost: (error?: unknown) => void,
) => {
  const client = new Redis({ ...options, protocol: 2 as const })
  client.on('error', lost)
  client.on('close', () => lost(new Error('the connection that tells of changes was lost')))
  client.on('messageBuffer', (_: unknown, keys: unknown) => told(Array.isArray(keys) ? keys.map(String) : null))
  return {
    client,
    connect: async (): Promise<void> => {
      await client.connect()
      const [own, other, id] = await Promise.all([processOf(client), processOf(data), client.call('CLIENT', 'ID')])
      // Behind one name there can be several servers, and each has a client of that number.
      if (own !== other) throw new Error('expected both connections to be to one server, found two')
      await client.subscribe(channel)
      await data.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id))
    },
  }
}

const open = (how: WireOptions): Wire => {
  const { credentials, track, commandTimeout } = how
  const client = new Redis(optionsFor(how))
  let teller: ReturnType<typeof openTeller> | null = null
  let isReady = false
  const ready: (() => void)[] = []
  const lost: ((error: unknown) => void)[] = []
  const invalidated: ((keys: readonly string[] | null) => void)[] = []
  const tellReady = (): void => {
    isReady = true
    for (const listener of ready) listener()
  }
  const tellLost = (error?: unknown): void => {
    isReady = false
    for (const listener of lost) listener(error)
  }
  let tries = 0
  /** Of this try: what ioredis rejects with says less. */
  let why: unknown
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  const endTeller = (): void => {
    const ended = teller
    teller = null
    ended?.client.disconnect()
  }
  /** Both. */
  const lose = (error: unknown): void => {
    endTeller()
    tellLost(error)
    client.disconnect()
  }
  const connect = async (): Promise<void> => {
    if (credentials !== undefined) {
      const { username = 'default', password } = await credentials()
      Object.assign(client.options, { username, password })
    }
    if (isClosed) return
    await client.connect()
    // ioredis 5 is ready before the server has let it in.
    await client.call('PING')
    if (track) {
      const own = openTeller(
        client,
        { ...optionsFor(how), username: client.options.username ?? '', password: client.options.password ?? '' },
        (keys) => {
          for (const listener of invalidated) listener(keys)
        },
        (error) => {
          if (teller === own) lose(error)
        },
      )
      teller = own
      await own.connect()
    }
    // It may have been lost while it was being connected.
    if (isClosed || client.status !== 'ready') return
    tries = 0
    tellReady()
  }
  const connectLater = (): void => {
    if (isClosed || timer !== undefined) return
    timer = setTimeout(begin, Math.min(10 * 2 ** Math.min(tries, 10), 1_000))
    tries += 1
  }
  const begin = (): void => {
    timer = undefined
    why = undefined
    connect().catch((error: unknown) => {
      lose(why ?? error)
      connectLater()
    })
  }
  client.on('error', (error: unknown) => {
    why ??= error
    // Refused while it was logging in, which ioredis passes over: it would go on as somebody else, or in another database.
    if (error instanceof ReplyError) lose(error)
    else tellLost(error)
  })
  client.on('close', () => {
    endTeller()
    tellLost()
  })
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
  const settle = async (): Promise<void> => {
    const asked = teller
    if (asked === null || !isReady) throw new Error('the connection was lost')
    try {
      // What it was told before comes before the answer.
      await within(asked.client.ping(), commandTimeout)
    } catch (error) {
      if (teller === asked) lose(error)
      throw error
    }
  }
  begin()
  return {
    isReady: () => isReady,
    send: ([command = '', ...args]) => {
      if (!isReady) return Promise.reject(new Error('the connection was lost'))
      together()
      return client.callBuffer(String(command), args)
    },
    onReady: (listener) => void ready.push(listener),
    onLost: (listener) => void lost.push(listener),
    onInvalidated: (listener) => void invalidated.push(listener),
    isReply: (error): error is Error => error instanceof ReplyError,
    ...(track ? { settle } : {}),
    carried: () => (isReady ? carriedBy(client.stream as Socket) : 0),
    close: () => {
      isClosed = true
      isReady = false
      clearTimeout(timer)
      endTeller()
      client.disconnect()
    },
  }
}

const factory: WireFactory = { tracks: 'apart', open }

/** Connects by `ioredis` to one server or to a cluster, whichever answers. */
export const connectIoredis = createConnect(factory)
