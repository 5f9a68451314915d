/** What Larder says to one Memcached, in either of its protocols. */
import { LarderError } from '../../errors.ts'
import type { ConnectPlan } from '../../ports/engine.ts'
import { type Exchange, type ExchangeOptions, openExchange, type Reader } from '../exchange.ts'
import type { Login } from './access.ts'
import { askBinary, createMessageReader, type Message, type MessageForm, opcodes } from './binary.ts'

export interface Conversation {
  /** Resolves when the connection has ended, for whatever reason. All others reject with `engine-command`, `engine-unreachable` or `deadline`. */
  readonly closed: Promise<void>
  version(deadlineMs: number): Promise<void>
  stats(deadlineMs: number): Promise<ReadonlyMap<string, string>>
  store(key: string, text: string, deadlineMs: number): Promise<void>
  /** Changes when somebody else stores something under this key; null: nothing is there. */
  mark(key: string, deadlineMs: number): Promise<string | null>
  /** Does the node itself tell clients which nodes there are? */
  answersDiscovery(deadlineMs: number): Promise<boolean>
  /** A raw command of the text protocol; the answer without its last line break. */
  raw(command: string, deadlineMs: number): Promise<string>
  close(): void
}

/** How an answer ends: with its first line, or with a line that says `END`. Errors are always one line. */
type AnswerForm = 'line' | 'list'

/** Commands whose answers end with a line that says END. */
const listCommands: ReadonlySet<string> = new Set(['get', 'gets', 'gat', 'gats', 'stats', 'config'])
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

/** `name` is what it is called in messages: the command itself may hold a secret. */
const askText = async (
  exchange: Exchange<AnswerForm, string>,
  name: string,
  command: string,
  deadlineMs: number,
): Promise<string> => {
  const form = listCommands.has(command.split(' ', 1)[0] ?? '') ? 'list' : 'line'
  const answer = await exchange.send(name, `${command}\r\n`, form, deadlineMs)
  if (errorLine.test(answer)) throw new LarderError('engine-command', `${name} was refused: ${answer}`)
  return answer
}

/** Throws unless the answer says that something was stored. */
const isStored = (name: string, answer: string): void => {
  if (answer === 'STORED') return
  throw new LarderError('engine-command', `${name}: expected STORED, found ${answer}`, { retry: true })
}

/** `stats`: lines of `STAT name value`. */
export const parseStats = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(/^STAT (\S+) (.*)$/gm)].map((match) => [match[1] ?? '', (match[2] ?? '').trimEnd()]))

/** Of `me`, which counts as no read. */
const markIn = (line: string): string | null =>
  line.startsWith('ME ') ? (line.match(/\b(?:exp|cas|size)=\S+/g) ?? []).join(' ') : null

/** Null in place of a refusal. */
const unlessRefused = async <T>(asking: Promise<T>): Promise<T | null> => {
  try {
    return await asking
  } catch (error) {
    if (error instanceof LarderError && error.code === 'engine-command') return null
    throw error
  }
}

const storing = (key: string, text: string): string => `set ${key} 0 0 ${Buffer.byteLength(text)}\r\n${text}`

const textConversation = (exchange: Exchange<AnswerForm, string>): Conversation => ({
  closed: exchange.closed,
  version: async (deadlineMs) => {
    await askText(exchange, 'version', 'version', deadlineMs)
  },
  stats: async (deadlineMs) => parseStats(await askText(exchange, 'stats', 'stats', deadlineMs)),
  store: async (key, text, deadlineMs) => isStored('set', await askText(exchange, 'set', storing(key, text), deadlineMs)),
  mark: async (key, deadlineMs) => markIn((await unlessRefused(askText(exchange, 'me', `me ${key}`, deadlineMs))) ?? ''),
  answersDiscovery: async (deadlineMs) =>
    (await unlessRefused(askText(exchange, 'config', 'config get cluster', deadlineMs)))?.startsWith('CONFIG ') ?? false,
  raw: (command, deadlineMs) => askText(exchange, command.split(' ', 1)[0] ?? '', command, deadlineMs),
  close: () => exchange.close(),
})

const binaryConversation = (exchange: Exchange<MessageForm, readonly Message[]>): Conversation => ({
  closed: exchange.closed,
  version: async (deadlineMs) => {
    await askBinary(exchange, 'version', { opcode: opcodes.version }, deadlineMs)
  },
  stats: async (deadlineMs) => {
    const messages = await askBinary(exchange, 'stats', { opcode: opcodes.stat }, deadlineMs)
    return new Map(messages.map(({ key, value }) => [key, value]))
  },
  store: async (key, value, deadlineMs) => {
    // Four bytes of flags, four of time.
    await askBinary(exchange, 'set', { opcode: opcodes.set, key, extras: Buffer.alloc(8), value }, deadlineMs)
  },
  mark: async (key, deadlineMs) => {
    const messages = await unlessRefused(askBinary(exchange, 'get', { opcode: opcodes.get, key }, deadlineMs))
    return messages?.[0]?.value ?? null
  },
  answersDiscovery: async () => false,
  raw: async (command) => {
    throw new LarderError('engine-command', `${command.split(' ', 1)[0]}: this node speaks the binary protocol alone`)
  },
  close: () => exchange.close(),
})

/** Resolves when the engine has answered: a process that hangs still has its connections accepted by the kernel. */
export const openConversation = async (
  { address, port, reach }: Pick<ConnectPlan, 'address' | 'port' | 'reach'>,
  login: Login | null,
  deadlineMs: number,
): Promise<Conversation> => {
  const ca = reach?.authority
  // From its own address: what an engine sees of Larder is never 127.0.0.1.
  const options: ExchangeOptions = {
    host: address,
    port,
    localAddress: address,
    noDelay: true,
    ...(ca === undefined ? {} : { ca }),
  }
  const where = `${address}:${port}`
  if (reach?.protocol === 'binary') {
    const greet = async (exchange: Exchange<MessageForm, readonly Message[]>, leftMs: number): Promise<void> => {
      // PLAIN (RFC 4616): as whom, who, password.
      const value = login === null ? '' : `\0${login.user}\0${login.password}`
      if (login !== null) await askBinary(exchange, 'login', { opcode: opcodes.saslAuth, key: 'PLAIN', value }, leftMs)
      else await askBinary(exchange, 'version', { opcode: opcodes.version }, leftMs)
    }
    return binaryConversation(await openExchange(options, where, createMessageReader(), greet, deadlineMs))
  }
  const greet = async (exchange: Exchange<AnswerForm, string>, leftMs: number): Promise<void> => {
    if (login === null) await askText(exchange, 'version', 'version', leftMs)
    else isStored('login', await askText(exchange, 'login', storing('login', `${login.user} ${login.password}`), leftMs))
  }
  return textConversation(await openExchange(options, where, createAnswerReader(), greet, deadlineMs))
}
