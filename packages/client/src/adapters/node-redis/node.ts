/** One server as `@redis/client` reaches it: calls in time, and the epoch of what it has. */
import { createHash } from 'node:crypto'
import { ErrorReply, RESP_TYPES } from '@redis/client'
import type { Argument, Command, ConnectionOptions, Reply } from '../../connection.ts'
import { CacheError, isCacheError, messageOf } from '../../errors.ts'

/** Both kinds of clients, single and of a cluster, as far as they are used here. */
export interface RawClient {
  readonly isReady: boolean
  sendCommand(args: readonly Argument[], options?: object): Promise<unknown>
  on(event: string, listener: (...args: never[]) => void): unknown
}

export interface NodeOptions {
  readonly commandTimeout: number
  readonly credentials: ConnectionOptions['credentials']
  readonly track: boolean
  /** A replica will do. */
  readonly anyRole?: boolean
  /** Connects anew: what answers is not, or no longer, what was asked for. */
  readonly renew: () => void
  readonly onLost: () => void
  readonly onInvalidated: (keys: readonly string[] | null) => void
}

export interface NodeHandle {
  /** Resolves when the epoch is known; rejects with `unavailable` or `refused`. */
  ready(): Promise<void>
  /** Rejects with `unavailable` or `refused`, or with ErrorReply MOVED and ASK. Not bounded in time. */
  call(command: Command): Promise<Reply>
  /** Null: not known now, and nothing is to be asked. */
  epoch(): string | null
  /** Whether it still answers and is what it was; to be called now and then. */
  check(): Promise<void>
  dispose(): void
}

export const bytes = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.VERBATIM_STRING]: Buffer } }

export const unavailable = (cause: unknown): CacheError =>
  cause instanceof CacheError ? cause : new CacheError('unavailable', `the cache does not answer: ${messageOf(cause)}`, { cause })

interface Waiting {
  readonly until: number
  readonly reject: (error: unknown) => void
}

/**
 * For work that has to be settled in about that time, one timer for all of it. What is not rejects with `unavailable`; what comes later is dropped.
 * A process that was held up looks at what has come in the meantime before it gives up.
 */
const createDeadline = (milliseconds: number) => {
  const waiting = new Set<Waiting>()
  let timer: NodeJS.Timeout | null = null
  const look = (): void => {
    timer = null
    const now = performance.now()
    for (const one of waiting) {
      if (one.until > now) {
        // They were added in this order.
        timer = setTimeout(later, one.until - now)
        return
      }
      waiting.delete(one)
      one.reject(new CacheError('unavailable', `the cache does not answer: nothing came within ${milliseconds} ms`))
    }
  }
  const later = (): void => void setImmediate(look)
  return <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const one: Waiting = { until: performance.now() + milliseconds, reject }
      waiting.add(one)
      timer ??= setTimeout(later, milliseconds)
      const end = (): void => {
        waiting.delete(one)
        if (waiting.size === 0 && timer !== null) {
          clearTimeout(timer)
          timer = null
        }
      }
      work.then(
        (value) => {
          end()
          resolve(value)
        },
        (error: unknown) => {
          end()
          reject(error)
        },
      )
    })
}

const deadlines = new Map<number, ReturnType<typeof createDeadline>>()
const mostDeadlines = 1_000

/** Rejects with `unavailable` when it is not settled in time. */
export const within = <T>(work: Promise<T>, milliseconds: number): Promise<T> => {
  let deadline = deadlines.get(milliseconds)
  if (deadline === undefined) {
    deadline = createDeadline(milliseconds)
    if (deadlines.size < mostDeadlines) deadlines.set(milliseconds, deadline)
  }
  return deadline(work)
}

/** Of the data: it changes when a replica becomes primary, and when a server starts anew. */
const epochOf = (info: string): string => {
  const lineage = /^master_replid:(\S+)/m.exec(info)?.[1]
  if (lineage === undefined) throw new CacheError('refused', `expected master_replid in INFO replication, found none`)
  return createHash('sha1').update(lineage).digest('base64url').slice(0, 8)
}
const isPrimary = (info: string): boolean => /^role:master/m.exec(info) !== null

/** Codes of errors that end by themselves. */
const passing = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'BUSY'])
export const refused = (error: ErrorReply): CacheError =>
  new CacheError('refused', `the cache answers with an error: ${error.message}`, { cause: error })

const codeOf = (error: ErrorReply): string => /^[A-Z]+/.exec(error.message)?.[0] ?? ''

export const watchNode = (client: RawClient, options: NodeOptions): NodeHandle => {
  let epoch: string | null = null
  let generation = 0
  let begun: () => void = () => undefined
  let learning: Promise<void> = new Promise<void>((resolve) => {
    begun = resolve
  }).then((): Promise<void> => learning)
  learning.catch(() => undefined) // who waits for it is told
  let renewal: NodeJS.Timeout | undefined

  const raw = (args: readonly Argument[]): Promise<unknown> => client.sendCommand(args, bytes)

  const authenticate = async (): Promise<void> => {
    if (options.credentials === undefined) return
    const { username = 'default', password, renewAfter } = await options.credentials()
    await within(raw(['AUTH', username, password]), options.commandTimeout)
    renewLater(renewAfter)
  }
  const renewLater = (after: number | undefined): void => {
    clearTimeout(renewal)
    if (after === undefined) return
    // Where it fails the connection ends by itself in time, and the next one asks for credentials again.
    renewal = setTimeout(() => authenticate().catch(() => renewLater(1_000)), after)
    renewal.unref()
  }

  const info = async (): Promise<string> => {
    try {
      return String(await within(raw(['INFO', 'replication']), options.commandTimeout))
    } catch (error) {
      throw error instanceof ErrorReply ? refused(error) : unavailable(error)
    }
  }

  const isRight = (text: string): boolean => options.anyRole === true || isPrimary(text)

  const learn = async (): Promise<void> => {
    const own = generation
    const text = await info()
    if (own !== generation) throw new CacheError('unavailable', 'the connection was lost')
    if (!isRight(text)) {
      options.renew()
      throw new CacheError('unavailable', 'expected a primary, found a replica')
    }
    epoch = epochOf(text)
  }

  const forget = (): void => {
    generation += 1
    epoch = null
    clearTimeout(renewal)
    options.onLost()
  }
  const start = (): void => {
    generation += 1
    learning = learn()
    learning.catch(() => undefined) // who waits for it is told
    begun()
  }
  const started = (): void => {
    start()
    if (options.credentials !== undefined)
      options.credentials().then(
        ({ renewAfter }) => renewLater(renewAfter),
        () => undefined,
      )
  }
  client.on('ready', started)
  client.on('error', forget)
  client.on('end', forget)
  client.on('reconnecting', forget)
  if (options.track)
    client.on('invalidate', ((key: string | Buffer | null) => options.onInvalidated(key === null ? null : [String(key)])) as (
      ...args: never[]
    ) => void)
  if (client.isReady) start()

  const execute = ({ args, script }: Command): Promise<unknown> => {
    if (script === undefined) return raw(args)
    return raw(['EVALSHA', script.hash, ...args]).catch((error: unknown) => {
      if (error instanceof ErrorReply && codeOf(error) === 'NOSCRIPT') return raw(['EVAL', script.text, ...args])
      throw error
    })
  }

  const failure = (error: unknown): unknown => {
    if (!(error instanceof ErrorReply)) return unavailable(error)
    const code = codeOf(error)
    if (code === 'MOVED' || code === 'ASK') return error
    if (code === 'READONLY') options.renew()
    else if (!passing.has(code)) return refused(error)
    return unavailable(error)
  }

  return {
    ready: () => learning,
    epoch: () => epoch,
    call: (command) => {
      const own = generation
      return execute(command).then(
        (reply) => {
          if (own === generation) return reply as Reply
          throw new CacheError('unavailable', 'the cache does not answer: the connection was lost')
        },
        (error: unknown) => {
          throw failure(error)
        },
      )
    },
    check: async () => {
      if (epoch === null) return
      const own = generation
      try {
        const text = await info()
        if (own !== generation) return
        if (!isRight(text)) {
          forget()
          options.renew()
        } else if (epochOf(text) !== epoch) {
          forget()
          start()
        }
      } catch (error) {
        if (own !== generation) return
        if (isCacheError(error, 'unavailable')) {
          // Nothing comes: what is connected to is gone without a word.
          forget()
          options.renew()
        }
      }
    },
    dispose: () => clearTimeout(renewal),
  }
}

export const clientOptions = ({ tls, credentials, connectTimeout = 2_000, track = false }: Omit<ConnectionOptions, 'url'>) =>
  ({
    RESP: 3,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    emitInvalidate: track,
    // Its own limit makes a signal for each command; here one timer serves for all that is sent at once.
    commandOptions: { timeout: 0 },
    socket: {
      connectTimeout,
      noDelay: true,
      reconnectStrategy: (tries: number) => Math.min(10 * 2 ** Math.min(tries, 10), 1_000),
      ...(tls === undefined ? {} : { tls: true as const, ...tls }),
    },
    ...(credentials === undefined ? {} : { credentialsProvider: { type: 'async-credentials-provider' as const, credentials } }),
  }) as const
