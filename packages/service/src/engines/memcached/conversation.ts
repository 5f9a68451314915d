/** A connection to one Memcached in its text protocol. */
import { LarderError } from '../../errors.ts'
import type { ConnectPlan } from '../../ports/engine.ts'
import { type Exchange, openExchange, type Reader } from '../exchange.ts'

/** How an answer ends: with its first line, or with a line that says `END`. Errors are always one line. */
type AnswerForm = 'line' | 'list'

export interface Conversation {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>
  /** The answer without its last line break. Rejects with `engine-command`, `engine-unreachable` or `deadline`. */
  ask(command: string, form: AnswerForm, deadlineMs: number): Promise<string>
  close(): void
}

const ends: Readonly<Record<AnswerForm, RegExp>> = {
  line: /\r\n/,
  list: /^(?:END|ERROR|CLIENT_ERROR [^\r\n]*|SERVER_ERROR [^\r\n]*)\r\n/m,
}
const errorLine = /^(?:ERROR|CLIENT_ERROR|SERVER_ERROR)\b/

const createAnswerReader = (): Reader<AnswerForm, string> => {
  let pending = ''
  return {
    push: (chunk) => {
      pending += chunk.toString('latin1')
    },
    next: (form) => {
      const match = ends[form].exec(pending)
      if (match === null) return undefined
      const length = match.index + match[0].length
      const text = pending.slice(0, length - 2)
      pending = pending.slice(length)
      return text
    },
  }
}

const ask = async (
  exchange: Exchange<AnswerForm, string>,
  command: string,
  form: AnswerForm,
  deadlineMs: number,
): Promise<string> => {
  const name = command.split(' ', 1)[0] ?? ''
  const answer = await exchange.send(name, `${command}\r\n`, form, deadlineMs)
  if (errorLine.test(answer)) throw new LarderError('engine-command', `${name} was refused: ${answer}`)
  return answer
}

/** Resolves when the engine has answered: a process that hangs still has its connections accepted by the kernel. */
export const openConversation = async (
  { address, port, authority }: Pick<ConnectPlan, 'address' | 'port' | 'authority'>,
  deadlineMs: number,
): Promise<Conversation> => {
  const exchange = await openExchange(
    // From its own address: what an engine sees of Larder is never 127.0.0.1.
    { host: address, port, localAddress: address, noDelay: true, ...(authority === undefined ? {} : { ca: authority }) },
    `${address}:${port}`,
    createAnswerReader(),
    (opened, leftMs) => ask(opened, 'version', 'line', leftMs),
    deadlineMs,
  )
  return {
    closed: exchange.closed,
    ask: (command, form, commandDeadlineMs) => ask(exchange, command, form, commandDeadlineMs),
    close: () => exchange.close(),
  }
}
