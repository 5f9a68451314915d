/**
 * A connection to an engine on which commands are answered in order, whatever the protocol. It is not made again when it ends: its end is
 * the sign that the process has died.
 *
 * A command that misses its deadline leaves the connection open: a busy engine answers later, and the answer is then dropped.
 */
import { connect as connectSocket, type NetConnectOpts, type Socket } from 'node:net'
import { LarderError } from '../errors.ts'

/** Makes answers of bytes. `Form` says what kind of answer a command has, where the bytes alone do not tell its end. */
export interface Reader<Form, Answer> {
  push(chunk: Buffer): void
  /** The next answer; undefined while its end is not there yet. Throws where the bytes are no answer at all. */
  next(form: Form): Answer | undefined
}

export interface Exchange<Form, Answer> {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>
  /**
   * Sends the bytes of one command. Those of one turn of the event loop leave in one piece.
   * Rejects with `engine-unreachable` or `deadline`; `name` is what the command is called then.
   */
  send(name: string, bytes: string | Buffer, form: Form, deadlineMs: number): Promise<Answer>
  close(): void
}

interface Waiting<Form, Answer> {
  readonly form: Form
  readonly settle: (outcome: { readonly answer: Answer } | { readonly error: LarderError }) => void
}

/** With `ca` (PEM) it speaks TLS, and its certificate has to be by one of these. */
export type ExchangeOptions = NetConnectOpts & { readonly ca?: string }

/** Loaded where it is needed: most homes have no engine that is reached so. It takes 8 ms, and 5 MB. */
const tls = () => process.getBuiltinModule('node:tls')

const opened = (options: ExchangeOptions, where: string, deadlineMs: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = options.ca === undefined ? connectSocket(options) : tls().connect({ ...options, minVersion: 'TLSv1.2' })
    const fail = (error: LarderError): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(() => {
      fail(new LarderError('deadline', `${where} did not accept a connection within ${deadlineMs} ms`, { retry: true }))
    }, deadlineMs)
    socket.once('error', (cause) => {
      fail(new LarderError('engine-unreachable', `no connection to ${where}: ${cause.message}`, { cause, retry: true }))
    })
    socket.once(options.ca === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })

const converse = <Form, Answer>(socket: Socket, where: string, reader: Reader<Form, Answer>): Exchange<Form, Answer> => {
  const waiting: Waiting<Form, Answer>[] = []
  const closed = Promise.withResolvers<void>()
  let reason: Error | undefined
  const broken = (): LarderError =>
    new LarderError(
      'engine-unreachable',
      `the connection to ${where} has ended${reason === undefined ? '' : `: ${reason.message}`}`,
      {
        retry: true,
        ...(reason === undefined ? {} : { cause: reason }),
      },
    )
  const end = (error?: Error): void => {
    reason ??= error
    socket.destroy()
    closed.resolve()
    for (const each of waiting.splice(0)) each.settle({ error: broken() })
  }
  const answerAll = (): void => {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      const answer = reader.next(first.form)
      if (answer === undefined) return
      waiting.shift()
      first.settle({ answer })
    }
  }
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk)
      answerAll()
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)))
    }
  })
  socket.on('error', end)
  socket.on('end', () => end())
  socket.on('close', () => end())

  const write = (bytes: string | Buffer): void => {
    if (socket.writableCorked === 0) {
      socket.cork()
      process.nextTick(() => socket.uncork())
    }
    socket.write(bytes)
  }

  return {
    closed: closed.promise,
    send: (name, bytes, form, deadlineMs) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) {
          reject(broken())
          return
        }
        const timer = setTimeout(() => {
          reject(new LarderError('deadline', `${where} did not answer ${name} within ${deadlineMs} ms`, { retry: true }))
        }, deadlineMs)
        waiting.push({
          form,
          settle: (outcome) => {
            clearTimeout(timer)
            if ('error' in outcome) reject(outcome.error)
            else resolve(outcome.answer)
          },
        })
        write(bytes)
      }),
    close: () => end(),
  }
}

/** `greet` is the first command: who accepts a connection may yet hang, or be somebody else. All of it happens within `deadlineMs`. */
export const openExchange = async <Form, Answer>(
  options: ExchangeOptions,
  where: string,
  reader: Reader<Form, Answer>,
  greet: (exchange: Exchange<Form, Answer>, deadlineMs: number) => Promise<unknown>,
  deadlineMs: number,
): Promise<Exchange<Form, Answer>> => {
  const started = performance.now()
  const exchange = converse(await opened(options, where, deadlineMs), where, reader)
  try {
    await greet(exchange, Math.max(1, deadlineMs - (performance.now() - started)))
    return exchange
  } catch (error) {
    exchange.close()
    throw error
  }
}
