/** A connection that speaks Memcached's text protocol: commands are answered in order. It is not made again when it ends. */
import { connect as connectSocket, type Socket } from 'node:net'
import { LarderError } from '../../errors.ts'
import type { Endpoint } from '../../model/group.ts'

/** How an answer ends: with its first line, or with a line that says `END`. Errors are always one line. */
export type AnswerForm = 'line' | 'list'

const lineEnd = /\r\n/
const listEnd = /^(?:END|ERROR|CLIENT_ERROR [^\r\n]*|SERVER_ERROR [^\r\n]*)\r\n/m
const errorLine = /^(?:ERROR|CLIENT_ERROR|SERVER_ERROR)\b/

export interface Conversation {
  readonly closed: Promise<void>
  /** The answer without its last line break. Rejects with `engine-command`, `engine-unreachable` or `deadline`. */
  ask(command: string, form: AnswerForm, deadlineMs: number): Promise<string>
  close(): void
}

interface Waiting {
  readonly ends: RegExp
  readonly settle: (outcome: string | LarderError) => void
}

const opened = ({ address, port }: Endpoint, deadlineMs: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connectSocket({ host: address, port, localAddress: address })
    const fail = (error: LarderError): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(() => {
      fail(new LarderError('deadline', `${address}:${port} did not accept a connection within ${deadlineMs} ms`, { retry: true }))
    }, deadlineMs)
    socket.once('error', (cause) => {
      fail(new LarderError('engine-unreachable', `no connection to ${address}:${port}: ${cause.message}`, { cause, retry: true }))
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })

const converse = (socket: Socket, where: string): Conversation => {
  const waiting: Waiting[] = []
  const closed = Promise.withResolvers<void>()
  let reason: Error | undefined
  let buffer = ''
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
    for (const each of waiting.splice(0)) each.settle(broken())
  }
  const take = (): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const match = next.ends.exec(buffer)
      if (match === null) return
      const length = match.index + match[0].length
      const text = buffer.slice(0, length - 2)
      buffer = buffer.slice(length)
      waiting.shift()
      next.settle(text)
    }
  }
  socket.setEncoding('latin1')
  socket.setNoDelay(true)
  socket.on('data', (chunk: string) => {
    buffer += chunk
    take()
  })
  socket.on('error', end)
  socket.on('end', () => end())
  socket.on('close', () => end())

  return {
    closed: closed.promise,
    ask: (command, form, deadlineMs) =>
      new Promise((resolve, reject) => {
        const name = command.split(' ', 1)[0] ?? ''
        if (socket.destroyed) {
          reject(broken())
          return
        }
        const timer = setTimeout(() => {
          reject(new LarderError('deadline', `${where} did not answer ${name} within ${deadlineMs} ms`, { retry: true }))
        }, deadlineMs)
        const settle = (outcome: string | LarderError): void => {
          clearTimeout(timer)
          if (outcome instanceof LarderError) reject(outcome)
          else if (errorLine.test(outcome)) reject(new LarderError('engine-command', `${name} was refused: ${outcome}`))
          else resolve(outcome)
        }
        waiting.push({ ends: form === 'line' ? lineEnd : listEnd, settle })
        socket.write(`${command}\r\n`)
      }),
    close: () => end(),
  }
}

export const openConversation = async (endpoint: Endpoint, deadlineMs: number): Promise<Conversation> =>
  converse(await opened(endpoint, deadlineMs), `${endpoint.address}:${endpoint.port}`)
