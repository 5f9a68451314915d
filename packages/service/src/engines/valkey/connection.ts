/**
 * A connection to one engine over its unix socket. It is not made again when it ends: its end is the sign that the process has died.
 *
 * A command that misses its deadline leaves the connection open: a busy engine answers later, and the answer is then dropped.
 */
import { connect as connectSocket, type Socket } from 'node:net'
import { LarderError } from '../../errors.ts'
import { createReplyParser, encodeCommand, type Reply, ReplyError } from './resp.ts'

export interface Connection {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>
  /**
   * Commands are sent in order and answered in order; those of one turn of the event loop leave in one piece.
   * Rejects with `engine-command`, `engine-unreachable` or `deadline`.
   */
  send(args: readonly string[], deadlineMs: number): Promise<Reply>
  close(): void
}

interface Waiting {
  readonly name: string
  readonly settle: (outcome: Reply | LarderError) => void
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
const containers: ReadonlySet<string> = new Set(['ACL', 'CLIENT', 'CLUSTER', 'CONFIG', 'MODULE', 'SCRIPT'])

/** What a command is called in messages. Arguments are left out: they may be secrets. */
const nameOf = (args: readonly string[]): string => {
  const [name = '', sub = ''] = args.map((arg) => arg.toUpperCase())
  return containers.has(name) ? `${name} ${sub}` : name
}

const refusal = (name: string, error: ReplyError): LarderError =>
  new LarderError('engine-command', `${name} was refused: ${error.message}`, {
    cause: error,
    retry: passingCodes.has(error.code),
  })

const opened = (path: string, deadlineMs: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connectSocket({ path })
    const fail = (error: LarderError): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(() => {
      fail(new LarderError('deadline', `${path} did not accept a connection within ${deadlineMs} ms`, { retry: true }))
    }, deadlineMs)
    socket.once('error', (cause) => {
      fail(new LarderError('engine-unreachable', `no connection to ${path}: ${cause.message}`, { cause, retry: true }))
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })

const converse = (socket: Socket, path: string): Connection => {
  const waiting: Waiting[] = []
  const parse = createReplyParser()
  const closed = Promise.withResolvers<void>()
  let reason: Error | undefined
  const broken = (): LarderError => {
    const why = reason === undefined ? '' : `: ${reason.message}`
    return new LarderError('engine-unreachable', `the connection to ${path} has ended${why}`, {
      retry: true,
      ...(reason === undefined ? {} : { cause: reason }),
    })
  }
  const end = (error?: Error): void => {
    reason ??= error
    socket.destroy()
    closed.resolve()
    for (const each of waiting.splice(0)) each.settle(broken())
  }
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const reply of parse(chunk)) waiting.shift()?.settle(reply)
    } catch (error) {
      end(error as Error)
    }
  })
  socket.on('error', end)
  socket.on('end', () => end())
  socket.on('close', () => end())

  const write = (text: string): void => {
    if (socket.writableCorked === 0) {
      socket.cork()
      process.nextTick(() => socket.uncork())
    }
    socket.write(text)
  }

  return {
    closed: closed.promise,
    send: (args, deadlineMs) =>
      new Promise((resolve, reject) => {
        const name = nameOf(args)
        if (socket.destroyed) {
          reject(broken())
          return
        }
        const timer = setTimeout(() => {
          reject(new LarderError('deadline', `${name} was not answered within ${deadlineMs} ms`, { retry: true }))
        }, deadlineMs)
        const settle = (outcome: Reply | LarderError): void => {
          clearTimeout(timer)
          if (outcome instanceof LarderError) reject(outcome)
          else if (outcome instanceof ReplyError) reject(refusal(name, outcome))
          else resolve(outcome)
        }
        waiting.push({ name, settle })
        write(encodeCommand(args))
      }),
    close: () => end(),
  }
}

export interface Credentials {
  readonly user: string
  readonly password: string
}

/** Connects and authenticates, all of it within `deadlineMs`. */
export const openConnection = async (path: string, credentials: Credentials, deadlineMs: number): Promise<Connection> => {
  const started = performance.now()
  const connection = converse(await opened(path, deadlineMs), path)
  try {
    const left = Math.max(1, deadlineMs - (performance.now() - started))
    await connection.send(['AUTH', credentials.user, credentials.password], left)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}
