/** A connection to one Valkey or Redis OSS over its unix socket. */
import { LarderError } from '../../errors.ts'
import { type Exchange, openExchange } from '../exchange.ts'
import { createReplyReader, encodeCommand, type Reply, ReplyError } from './resp.ts'

export interface Connection {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>
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

/** Connects and authenticates, all of it within `deadlineMs`. */
export const openConnection = async (path: string, { user, password }: Credentials, deadlineMs: number): Promise<Connection> => {
  const exchange = await openExchange(
    { path },
    path,
    createReplyReader(),
    (opened, leftMs) => send(opened, ['AUTH', user, password], leftMs),
    deadlineMs,
  )
  return {
    closed: exchange.closed,
    send: (args, commandDeadlineMs) => send(exchange, args, commandDeadlineMs),
    close: () => exchange.close(),
  }
}
