/** One server: calls, and the epoch of what it has. */
import { createHash } from 'node:crypto'
import type { Answer, Argument, Command, ConnectionOptions, Reply } from '../connection/connection.ts'
import { CacheError, isCacheError, messageOf } from '../errors.ts'
import { inTime, type Life, within } from './deadline.ts'
import type { Wire, WireFactory, WireOptions } from './wire.ts'

export interface NodeOptions {
  readonly commandTimeout: number
  readonly connectTimeout: number
  readonly credentials: ConnectionOptions['credentials']
  /** Of what the connection has logged in with. */
  readonly renewAfter?: () => number | undefined
  /** A replica, which is asked to answer. */
  readonly isReplica?: boolean
  /** What was there before says nothing any longer: nobody waits for this one until it is connected. */
  readonly failed?: CacheError | undefined
  /** In a cluster: the id of the node that is to be here. Null: it is not known. */
  readonly idOf?: () => string | null
  /** Connects anew, since what answers is not, or no longer, what was asked for, or says nothing. */
  readonly renew: (why: 'other' | 'silent') => void
  readonly onLost: () => void
  readonly onInvalidated: (keys: readonly string[] | null) => void
}

export interface NodeHandle {
  /** Resolves when the epoch is known. Rejects with `refused`, or with `unavailable`, also when that time, in milliseconds, is over; at once where the connection was lost. */
  ready(milliseconds: number): Promise<void>
  /**
   * Rejects with `unavailable` or `refused`, or with the server's own error where that is MOVED, ASK or TRYAGAIN: it was not executed. Not bounded in time.
   * `isAsking`: this node has been named by an ASK.
   */
  call(command: Command, isAsking?: boolean): Promise<Reply>
  /** All of them, with the epoch, which must be known. As `call`, and rejects with `unavailable` when that time, in milliseconds, is over. */
  ask(commands: readonly Command[], milliseconds: number): Promise<readonly Answer[]>
  /** Resolves when everything that was changed before has been told. */
  settle(): Promise<unknown>
  /** Answers, and bytes: of them, and those that the client says beside. */
  readonly life: Life
  /** Null: not known now, and nothing is to be asked. */
  epoch(): string | null
  /** Of a replica: its availability zone. Null: it does not say, or nothing is known now. */
  zone(): string | null
  /** Whether it still answers and is what it was; to be called now and then. */
  check(): Promise<void>
  /** Tells of nothing from here on. */
  dispose(): void
}

export const unavailable = (cause: unknown): CacheError =>
  isCacheError(cause) ? cause : new CacheError('unavailable', `the cache does not answer: ${messageOf(cause)}`, { cause })

/** Of the data: it changes when a replica becomes primary, and when a server starts anew. */
const epochOf = (info: string): string => {
  const lineage = /^master_replid:(\S+)/m.exec(info)?.[1]
  if (lineage === undefined) throw new CacheError('refused', `expected master_replid in INFO replication, found none`)
  return createHash('sha1').update(lineage).digest('base64url').slice(0, 8)
}
const zoneOf = (info: string): string | null => /^availability_zone:(\S+)/m.exec(info)?.[1] ?? null
const isPrimary = (info: string): boolean => /^role:master/m.exec(info) !== null

/** Codes of errors that end by themselves. */
const passing = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'BUSY'])
/** Of those that say that another node is to be asked, or the same one later. */
const notExecuted = new Set(['MOVED', 'ASK', 'TRYAGAIN'])
const lost = (error: unknown): CacheError =>
  new CacheError(
    'unavailable',
    `the connection was lost${error === null || error === undefined ? '' : `: ${messageOf(error)}`}`,
    {
      cause: error,
    },
  )
export const refused = (error: Error): CacheError =>
  new CacheError('refused', `the cache answers with an error: ${error.message}`, { cause: error })

const codeOf = (error: Error): string => /^[A-Z]+/.exec(error.message)?.[0] ?? ''

/** `setTimeout` takes no more. */
const longestTimeout = 2 ** 31 - 1
const [firstRenewalPause, longestRenewalPause] = [1_000, 60_000]

interface Waiter {
  resolve(): void
  reject(error: unknown): void
}

/** Opens a connection, and watches what it is connected to. */
export const openNode = (
  factory: WireFactory,
  how: WireOptions,
  options: Omit<NodeOptions, 'connectTimeout' | 'credentials' | 'renewAfter'>,
): { readonly wire: Wire; readonly node: NodeHandle } => {
  const { credentials: give, connectTimeout } = how
  let renewAfter: number | undefined
  const credentials =
    give &&
    (async () => {
      const given = await give()
      renewAfter = given.renewAfter
      return given
    })
  const wire = factory.open({ ...how, ...(credentials === undefined ? {} : { credentials }) })
  return { wire, node: watchNode(wire, { ...options, connectTimeout, credentials, renewAfter: () => renewAfter }) }
}

export const watchNode = (wire: Wire, options: NodeOptions): NodeHandle => {
  let epoch: string | null = null
  let zone: string | null = null
  let isLearning = false
  let isDisposed = false
  /** Another one whenever answers of before are not to be believed. */
  let generation = 0
  /** Another one for each connection. */
  let session = 0
  /** Why nothing is known; null: it has never been connected. */
  let failed: CacheError | null = options.failed ?? null
  /** Since it was connected, or of connecting. */
  let lastError: unknown
  /** When something was last heard of it, by the clock that only goes forward; and when that was last looked at. */
  let heard = performance.now()
  let checked = heard
  const waiters = new Set<Waiter>()
  let renewal: NodeJS.Timeout | undefined
  let renewalPause = firstRenewalPause

  const raw = (args: readonly Argument[]): Promise<unknown> => wire.send(args)
  let [answers, bytes] = [0, 0]
  const life: Life = { bytes: () => bytes + (wire.carried?.() ?? 0), answers: () => answers }
  const came = (reply: unknown): void => {
    answers += 1
    if (Buffer.isBuffer(reply)) bytes += reply.length
    else if (Array.isArray(reply)) for (const one of reply) if (Buffer.isBuffer(one)) bytes += one.length
  }

  const tellWaiters = (error: CacheError | null): void => {
    const all = [...waiters]
    waiters.clear()
    for (const { resolve, reject } of all) error === null ? resolve() : reject(error)
  }

  const authenticate = async (own: number): Promise<void> => {
    if (options.credentials === undefined) return
    const { username = 'default', password, renewAfter } = await options.credentials()
    if (own !== session) return
    await within(raw(['AUTH', username, password]), options.commandTimeout)
    if (own !== session) return
    renewalPause = firstRenewalPause
    renewLater(renewAfter)
  }
  const renewLater = (after: number | undefined): void => {
    clearTimeout(renewal)
    if (after === undefined) return
    const own = session
    renewal = setTimeout(
      () =>
        authenticate(own).catch(() => {
          // Where it fails for good the connection ends by itself in time, and the next one asks for credentials again.
          if (own !== session) return
          renewLater(renewalPause)
          renewalPause = Math.min(longestRenewalPause, 2 * renewalPause)
        }),
      Math.min(after, longestTimeout),
    )
    renewal.unref()
  }

  const info = async (section = 'replication'): Promise<string> => {
    try {
      return String(await within(raw(['INFO', section]), options.commandTimeout, life))
    } catch (error) {
      throw explained(error)
    }
  }

  const isRight = (text: string): boolean => options.isReplica === true || isPrimary(text)

  /** Empty: it may not be asked. */
  const askId = async (): Promise<string> => {
    if (options.idOf === undefined) return ''
    return within(raw(['CLUSTER', 'MYID']), options.commandTimeout).then(String, () => '')
  }

  const learn = async (): Promise<void> => {
    const own = generation
    if (options.isReplica === true) raw(['READONLY']).catch(() => undefined) // where there is no cluster it reads anyway
    const [text, place, id] = await Promise.all([info(), options.isReplica === true ? info('server') : '', askId()])
    if (own !== generation || isDisposed) throw lost(null)
    heard = performance.now()
    if (!isRight(text)) {
      options.renew('other')
      throw new CacheError('unavailable', 'expected a primary, found a replica')
    }
    const expected = options.idOf?.() ?? null
    if (id !== '' && expected !== null && id !== expected) {
      options.renew('other')
      throw new CacheError('unavailable', `expected node ${expected} of the cluster, found ${id} at its address`)
    }
    epoch = epochOf(text)
    zone = zoneOf(place)
  }

  const forget = (why: CacheError): void => {
    generation += 1
    epoch = null
    zone = null
    isLearning = false
    failed = why
    if (!isDisposed) options.onLost()
  }
  const start = (): void => {
    if (isDisposed) return
    generation += 1
    const own = generation
    isLearning = true
    learn().then(
      () => {
        isLearning = false
        failed = null
        tellWaiters(null)
      },
      (error: unknown) => {
        const why = unavailable(error)
        if (own !== generation) return
        isLearning = false
        failed = why
        tellWaiters(why)
      },
    )
  }
  /** Wrong credentials do not become right by themselves; a server that is not there yet may be in a moment: null. */
  const hopeless = (error: unknown): CacheError | null => {
    if (wire.isReply(error)) return refused(error)
    return isCacheError(error, 'usage') ? error : null
  }
  const connected = (): void => {
    heard = performance.now()
    session += 1
    lastError = undefined
    start()
    if (!isDisposed) renewLater(options.renewAfter?.())
  }
  wire.onReady(connected)
  wire.onLost((error) => {
    heard = performance.now()
    session += 1
    clearTimeout(renewal)
    lastError = error ?? lastError
    const isFirst = failed === null && epoch === null && !isLearning
    const why = isFirst ? hopeless(error) : lost(lastError)
    if (why === null) {
      if (!isDisposed) options.onLost()
      return
    }
    forget(why)
    tellWaiters(why)
  })
  wire.onInvalidated((keys) => {
    if (!isDisposed) options.onInvalidated(keys)
  })
  if (wire.isReady()) connected()

  const execute = ({ args, script, inOrder }: Command, own: number, isAsking: boolean): Promise<unknown> => {
    if (script === undefined && !isAsking) return raw(args)
    const put = (what: readonly Argument[]): Promise<unknown> => {
      if (!isAsking) return raw(what)
      // It counts for the one command that comes next on this connection.
      const asking = raw(['ASKING'])
      return Promise.all([raw(what), asking]).then(([reply]) => reply)
    }
    if (script === undefined) return put(args)
    if (inOrder === true) return put(['EVAL', script.text, ...args])
    return put(['EVALSHA', script.hash, ...args]).catch((error: unknown) => {
      if (wire.isReply(error) && codeOf(error) === 'NOSCRIPT' && own === generation) return put(['EVAL', script.text, ...args])
      throw error
    })
  }

  const explained = (error: unknown): CacheError => {
    if (!wire.isReply(error)) return unavailable(error)
    return passing.has(codeOf(error)) ? unavailable(error) : refused(error)
  }
  const failure = (error: unknown): unknown => {
    if (!wire.isReply(error)) return unavailable(error)
    const code = codeOf(error)
    if (notExecuted.has(code)) return error
    if (code !== 'READONLY') return explained(error)
    if (!isDisposed) options.renew('other')
    return unavailable(error)
  }

  return {
    ready: (milliseconds) => {
      if (epoch !== null) return Promise.resolve()
      if (failed !== null && !isLearning) return Promise.reject(failed)
      let waiter: Waiter | undefined
      return inTime<void>(milliseconds, (resolve, reject) => {
        waiter = { resolve, reject }
        waiters.add(waiter)
      }).catch((error: unknown) => {
        if (waiter !== undefined) waiters.delete(waiter)
        if (failed !== null || lastError === undefined) throw error
        throw new CacheError('unavailable', `${messageOf(error)}; the last try: ${messageOf(lastError)}`, { cause: lastError })
      })
    },
    life,
    epoch: () => epoch,
    zone: () => zone,
    settle: () => (wire.settle === undefined ? raw(['PING']) : wire.settle()),
    call: (command, isAsking = false) => {
      const own = generation
      return execute(command, own, isAsking).then(
        (reply) => {
          came(reply)
          if (own === generation) return reply as Reply
          throw lost(null)
        },
        (error: unknown) => {
          throw failure(error)
        },
      )
    },
    ask: (commands, milliseconds) => {
      const [own, known] = [generation, epoch]
      if (known === null) return Promise.reject(lost(null))
      // One promise for all of them: this is what each hit waits for.
      return inTime(
        milliseconds,
        (resolve, reject) => {
          const found = new Array<Answer>(commands.length)
          let open = commands.length
          if (open === 0) resolve(found)
          for (const [index, command] of commands.entries())
            execute(command, own, false).then(
              (reply) => {
                came(reply)
                if (own !== generation) return reject(lost(null))
                found[index] = { value: reply as Reply, epoch: known }
                open -= 1
                if (open === 0) resolve(found)
              },
              (error: unknown) => reject(unavailable(failure(error))),
            )
        },
        life,
      )
    },
    check: async () => {
      if (isDisposed) return
      const now = performance.now()
      // While this process did not run nothing could be heard.
      heard += Math.max(0, now - checked - options.connectTimeout)
      checked = now
      if (epoch === null) {
        // Neither connected nor refused: what is there says nothing, and will not on this connection.
        if (performance.now() - heard > options.connectTimeout + options.commandTimeout) {
          heard = performance.now()
          options.renew('silent')
        }
        // It was not answered in time.
        else if (wire.isReady() && !isLearning) start()
        return
      }
      const own = generation
      try {
        const text = await info()
        if (own !== generation) return
        heard = performance.now()
        if (!isRight(text)) {
          forget(new CacheError('unavailable', 'expected a primary, found a replica'))
          options.renew('other')
        } else if (epochOf(text) !== epoch) {
          forget(lost(null))
          start()
        }
      } catch (error) {
        if (own !== generation) return
        if (isCacheError(error, 'unavailable') && !wire.isReply(error.cause)) {
          // Nothing comes: what is connected to is gone without a word.
          forget(error)
          options.renew('silent')
        }
      }
    },
    dispose: () => {
      isDisposed = true
      session += 1
      clearTimeout(renewal)
    },
  }
}
