/**
 * Connections to one Valkey or Redis OSS over unix sockets: by the way in that is control's alone, and as a client.
 *
 * Other clients can end the connection of a client (CLIENT KILL). So it is made anew for as long as somebody waits for an answer, and what was not
 * answered leaves in one packet with the login: the engine carries out what arrives in one packet before it listens to anybody else.
 */
import { LarderError } from '../../errors.ts'
import { type Exchange, openExchange } from '../exchange.ts'
import { createReplyReader, encodeCommand, type Reply, ReplyError } from './resp.ts'

export interface Connection {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>
  /** Clients can neither close it nor keep it out. A command that has to wait within the engine is refused there. */
  readonly isWayIn: boolean
  /** Rejects with `engine-command`, `engine-unreachable` or `deadline`. */
  send(args: readonly string[], deadlineMs: number): Promise<Reply>
  close(): void
}

interface Credentials {
  readonly user: string
  readonly password: string
}

/** Answers after which the same command may succeed a little later. */
const passingCodes: ReadonlySet<string> = new Set([
  'LOADING',
  'BUSY',
  'TRYAGAIN',
  'CLUSTERDOWN',
  'MASTERDOWN',
  'NOREPLICAS',
  'UNKILLABLE',
])
/** Commands that may be carried out twice. SHUTDOWN is none: it would end the successor. */
const repeatable: ReadonlySet<string> = new Set(['ACL', 'CLIENT', 'CLUSTER', 'CONFIG', 'INFO', 'PING', 'REPLICAOF'])
/** Each of them has lost against somebody who ends connections. It bounds the processor time that he can cost. */
const mostAttempts = 2_000
const containers: ReadonlySet<string> = new Set(['ACL', 'CLIENT', 'CLUSTER', 'CONFIG', 'MODULE', 'SCRIPT'])

/** What a command is called in messages. Arguments are left out: they may be secrets. */
const nameOf = (args: readonly string[]): string => {
  const [name = '', sub = ''] = args.map((arg) => arg.toUpperCase())
  return containers.has(name) ? `${name} ${sub}` : name
}

const send = async (exchange: Exchange<null, Reply>, args: readonly string[], deadlineMs: number): Promise<Reply> => {
  const name = nameOf(args)
  const reply = await exchange.send(name, encodeCommand(args), null, deadlineMs)
  if (!(reply instanceof ReplyError)) return reply
  throw new LarderError('engine-command', `${name} was refused: ${reply.message}`, {
    cause: reply,
    retry: passingCodes.has(reply.code),
  })
}

const nobodyListens: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED'])

const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null

/** Nobody is there, unlike somebody who has closed the connection. */
const isAbsent = (error: unknown): boolean =>
  error instanceof LarderError && error.code === 'engine-unreachable' && nobodyListens.has(codeOf(error.cause) ?? '')

/** It was closed. Somebody who speaks another protocol will do so again. */
const isLost = (error: unknown): boolean =>
  error instanceof LarderError &&
  error.code === 'engine-unreachable' &&
  (error.cause === undefined || codeOf(error.cause) !== null) &&
  !isAbsent(error)

/** The way in of `native/larder-control.c`: no login, since the kernel says who asks. Null: nobody listens there. */
export const openWayIn = async (path: string, deadlineMs: number): Promise<Connection | null> => {
  try {
    const exchange = await openExchange(
      { path },
      path,
      createReplyReader(),
      // Any answer will do: an engine that loads or is busy is there.
      (opened, leftMs) => opened.send('PING', encodeCommand(['PING']), null, leftMs),
      deadlineMs,
    )
    return {
      closed: exchange.closed,
      isWayIn: true,
      send: (args, commandDeadlineMs) => send(exchange, args, commandDeadlineMs),
      close: () => exchange.close(),
    }
  } catch (error) {
    if (isAbsent(error)) return null
    throw error
  }
}

interface Queued {
  readonly leave: (exchange: Exchange<null, Reply>) => void
  readonly fail: (error: unknown) => void
}

/** Connects and authenticates, all of it within `deadlineMs`. */
export const openConnection = async (path: string, { user, password }: Credentials, deadlineMs: number): Promise<Connection> => {
  const closed = Promise.withResolvers<void>()
  const queue: Queued[] = []
  let current: Exchange<null, Reply> | null = null
  let renewal: Promise<void> | null = null
  let pending = 0
  let over = false

  const end = (): void => {
    over = true
    current?.close()
    closed.resolve()
  }
  const endWhereIdle = (): void => {
    if (pending === 0 && current === null && renewal === null) end()
  }
  /** One attempt: the login, and whatever waits, in one packet. */
  const connectOnce = async (leftMs: number): Promise<void> => {
    const exchange = await openExchange(
      { path },
      path,
      createReplyReader(),
      (opened, greetMs) => {
        const greeted = send(opened, ['AUTH', user, password], greetMs)
        for (const each of queue.splice(0)) each.leave(opened)
        return greeted
      },
      leftMs,
    )
    if (over) {
      exchange.close()
      return
    }
    current = exchange
    exchange.closed.then(() => {
      if (current !== exchange) return
      current = null
      endWhereIdle()
    }, end)
  }
  const renew = (leftMs: number): void => {
    renewal ??= connectOnce(leftMs)
      .catch((error: unknown) => {
        for (const each of queue.splice(0)) each.fail(error)
        if (!isLost(error)) end()
      })
      .finally(() => {
        renewal = null
        // Somebody may have come after the packet had left.
        if (queue.length > 0 && !over) renew(leftMs)
        else endWhereIdle()
      })
  }
  const onNext = (args: readonly string[], leftMs: number): Promise<Reply> =>
    new Promise((resolve, reject) => {
      queue.push({ leave: (exchange) => void send(exchange, args, leftMs).then(resolve, reject), fail: reject })
      renew(leftMs)
    })

  /** Again at once, without a growing delay: whoever closes connections in a loop must not win by patience. */
  const persist = async <Result>(limitMs: number, isRepeatable: boolean, attempt: (leftMs: number) => Promise<Result>) => {
    const until = performance.now() + limitMs
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt(Math.max(1, until - performance.now()))
      } catch (error) {
        if (!isRepeatable || over || !isLost(error) || tries >= mostAttempts || performance.now() >= until) throw error
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  await persist(deadlineMs, true, connectOnce)
  return {
    closed: closed.promise,
    isWayIn: false,
    send: async (args, commandDeadlineMs) => {
      pending += 1
      try {
        return await persist(commandDeadlineMs, repeatable.has(args[0]?.toUpperCase() ?? ''), (leftMs) => {
          if (over) throw new LarderError('engine-unreachable', `the connection to ${path} has ended`, { retry: true })
          return current === null ? onNext(args, leftMs) : send(current, args, leftMs)
        })
      } finally {
        pending -= 1
        endWhereIdle()
      }
    },
    close: end,
  }
}
