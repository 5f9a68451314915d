/** One server: calls, and the epoch of what it has. */
import { createHash } from 'node:crypto'
import type { Answer, Argument, Command, ConnectionOptions, Reply } from '../connection.ts'
import { CacheError, isCacheError, messageOf } from '../errors.ts'
import { inTime, within } from './deadline.ts'
import type { Wire } from './wire.ts'

export interface NodeOptions {
  readonly commandTimeout: number
  readonly credentials: ConnectionOptions['credentials']
  /** A replica, which is asked to answer. */
  readonly isReplica?: boolean
  /** Connects anew: what answers is not, or no longer, what was asked for. */
  readonly renew: () => void
  readonly onLost: () => void
  readonly onInvalidated: (keys: readonly string[] | null) => void
}

export interface NodeHandle {
  /** Resolves when the epoch is known; rejects with `unavailable` or `refused`. */
  ready(): Promise<void>
  /** Rejects with `unavailable` or `refused`, or with the server's own error where that is MOVED or ASK. Not bounded in time. */
  call(command: Command): Promise<Reply>
  /** All of them, with the epoch, which must be known. As `call`, and rejects with `unavailable` when that time, in milliseconds, is over. */
  ask(commands: readonly Command[], milliseconds: number): Promise<readonly Answer[]>
  /** Null: not known now, and nothing is to be asked. */
  epoch(): string | null
  /** Of a replica: its availability zone. Null: it does not say, or nothing is known now. */
  zone(): string | null
  /** Whether it still answers and is what it was; to be called now and then. */
  check(): Promise<void>
  dispose(): void
}

export const unavailable = (cause: unknown): CacheError =>
  cause instanceof CacheError ? cause : new CacheError('unavailable', `the cache does not answer: ${messageOf(cause)}`, { cause })

/** Of the data: it changes when a replica becomes primary, and when a server starts anew. */
const epochOf = (info: string): string => {
  const lineage = /^master_replid:(\S+)/m.exec(info)?.[1]
  if (lineage === undefined) throw new CacheError('refused', `expected master_replid in INFO replication, found none`)
  return createHash('sha1').update(lineage).digest('base64url').slice(0, 8)
}
const zoneOf = (info: string): string | null => /^availability_zone:(\S+)/m.exec(info)?.[1] ?? null
const isPrimary = (info: string): boolean => /^role:master/m.exec(info) !== null

/** Codes of errors that end by themselves. */
const passing = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'BUSY'])
export const refused = (error: Error): CacheError =>
  new CacheError('refused', `the cache answers with an error: ${error.message}`, { cause: error })

const codeOf = (error: Error): string => /^[A-Z]+/.exec(error.message)?.[0] ?? ''

export const watchNode = (wire: Wire, options: NodeOptions): NodeHandle => {
  let epoch: string | null = null
  let zone: string | null = null
  let isLearning = false
  let generation = 0
  let begun: () => void = () => undefined
  let learning: Promise<void> = new Promise<void>((resolve) => {
    begun = resolve
  }).then((): Promise<void> => learning)
  learning.catch(() => undefined) // who waits for it is told
  let renewal: NodeJS.Timeout | undefined

  const raw = (args: readonly Argument[]): Promise<unknown> => wire.send(args)

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

  const info = async (section = 'replication'): Promise<string> => {
    try {
      return String(await within(raw(['INFO', section]), options.commandTimeout))
    } catch (error) {
      throw wire.isReply(error) ? refused(error) : unavailable(error)
    }
  }

  const isRight = (text: string): boolean => options.isReplica === true || isPrimary(text)

  const learn = async (): Promise<void> => {
    const own = generation
    if (options.isReplica === true) raw(['READONLY']).catch(() => undefined) // where there is no cluster it reads anyway
    const [text, place] = await Promise.all([info(), options.isReplica === true ? info('server') : ''])
    if (own !== generation) throw new CacheError('unavailable', 'the connection was lost')
    if (!isRight(text)) {
      options.renew()
      throw new CacheError('unavailable', 'expected a primary, found a replica')
    }
    epoch = epochOf(text)
    zone = zoneOf(place)
  }

  const forget = (): void => {
    generation += 1
    epoch = null
    zone = null
    clearTimeout(renewal)
    options.onLost()
  }
  const start = (): void => {
    generation += 1
    const own = generation
    isLearning = true
    learning = learn().finally(() => {
      if (own === generation) isLearning = false
    })
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
  wire.onReady(started)
  wire.onLost(forget)
  wire.onInvalidated(options.onInvalidated)
  if (wire.isReady()) started()

  const execute = ({ args, script }: Command): Promise<unknown> => {
    if (script === undefined) return raw(args)
    return raw(['EVALSHA', script.hash, ...args]).catch((error: unknown) => {
      if (wire.isReply(error) && codeOf(error) === 'NOSCRIPT') return raw(['EVAL', script.text, ...args])
      throw error
    })
  }

  const failure = (error: unknown): unknown => {
    if (!wire.isReply(error)) return unavailable(error)
    const code = codeOf(error)
    if (code === 'MOVED' || code === 'ASK') return error
    if (code === 'READONLY') options.renew()
    else if (!passing.has(code)) return refused(error)
    return unavailable(error)
  }

  return {
    ready: () => learning,
    epoch: () => epoch,
    zone: () => zone,
    call: (command) => {
      const own = generation
      return execute(command).then(
        (reply) => {
          if (own === generation) return reply as Reply
          throw unavailable('the connection was lost')
        },
        (error: unknown) => {
          throw failure(error)
        },
      )
    },
    ask: (commands, milliseconds) => {
      const [own, known] = [generation, epoch]
      if (known === null) return Promise.reject(unavailable('the connection was lost'))
      // One promise for all of them: this is what each hit waits for.
      return inTime(milliseconds, (resolve, reject) => {
        const answers = new Array<Answer>(commands.length)
        let open = commands.length
        if (open === 0) resolve(answers)
        for (const [index, command] of commands.entries())
          execute(command).then(
            (reply) => {
              if (own !== generation) return reject(unavailable('the connection was lost'))
              answers[index] = { value: reply as Reply, epoch: known }
              open -= 1
              if (open === 0) resolve(answers)
            },
            (error: unknown) => reject(failure(error)),
          )
      })
    },
    check: async () => {
      if (epoch === null) {
        // It was not answered in time.
        if (wire.isReady() && !isLearning) start()
        return
      }
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
