/** For tests: the API on a port, and conversations with it byte by byte. */
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { createMemoryStore } from '../../store/memory.ts'
import { patience } from '../../testing/busy-machine.ts'
import { type ApiServer, type ApiServerDependencies, createApiServer } from '../server.ts'
import { testContext } from '../services/elasticache/test-context.ts'
import { formOf, signHeader, unaudited, verifierAt } from '../testing.ts'

export interface Running {
  readonly server: ApiServer
  readonly port: number
  readonly log: readonly unknown[][]
}

export const settings = (): ApiServerDependencies => ({
  verifier: verifierAt(() => Date.now()),
  actions: { DescribeEvents: async () => ({ Events: [] }) },
  context: () => testContext(createMemoryStore()),
  ...unaudited,
  metrics: async () => 'larder_up 1\n',
  log: () => undefined,
})

export const listening = async (context: TestContext, changed: Partial<ApiServerDependencies> = {}): Promise<Running> => {
  const log: unknown[][] = []
  const server = createApiServer({ ...settings(), log: (...entry) => log.push(entry), ...changed })
  const port = await server.listen('127.0.0.1', 0)
  context.after(() => server.close())
  return { server, port, log }
}

export const describeEvents = formOf({ Action: 'DescribeEvents', Version: '2015-02-02' })
export const formType = 'application/x-www-form-urlencoded'

/** A signed request, byte by byte. */
export const bytesOf = (body: string, more: Readonly<Record<string, string>> = {}): string => {
  const signed = signHeader({ body, headers: { 'content-type': formType } }).headers
  const headers = { ...signed, 'content-length': String(Buffer.byteLength(body)), ...more }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST / HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

export const post = (port: number): Promise<Response> => {
  const body = describeEvents
  const host = `127.0.0.1:${port}`
  // The client sets the header itself, to the same.
  const { host: _, ...headers } = signHeader({ body, headers: { host, 'content-type': formType } }).headers
  return fetch(`http://${host}/`, { method: 'POST', body, headers })
}

export interface Conversation {
  readonly socket: Socket
  said(): string
  /** Resolves with all that came when the other side has ended. */
  readonly ended: Promise<string>
  until(holds: (said: string) => boolean): Promise<string>
}

/** Long enough for four million pieces on a busy machine: what does not come at all is told by it. */
const deadlineMs = 30_000 * patience

/** A connection of its own, for what no client sends. It is closed when the test is over. */
export const converse = (context: TestContext, port: number): Conversation => {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  context.after(() => socket.destroy())
  let text = ''
  socket.on('data', (more: string) => {
    text += more
  })
  socket.on('error', () => socket.destroy())
  const ended = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the connection did not end; it said: ${text}`)), deadlineMs)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(text)
    })
  })
  ended.catch(() => undefined)
  const until = (holds: (said: string) => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not in time; it said: ${text}`)), deadlineMs)
      const look = (): void => {
        if (!holds(text)) return
        clearTimeout(timer)
        resolve(text)
      }
      socket.on('data', look)
      look()
    })
  return { socket, said: () => text, ended, until }
}

export const countOf = (text: string, part: string): number => text.split(part).length - 1
