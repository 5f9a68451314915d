/** The HTTP side of the API: one port, bounded bodies and times, one answer in AWS's form for each request. */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Fault, LarderError } from '../errors.ts'
import { drain, isTooLarge, readBody } from './body.ts'
import { answerBrokenHttp } from './broken-http.ts'
import { type DispatchDependencies, dispatch, tellable } from './dispatch.ts'
import { encodeError } from './wire/encode.ts'
import { parseForm } from './wire/form.ts'

export interface ApiServerDependencies extends DispatchDependencies {
  /** Text in the format of Prometheus. */
  readonly metrics: () => Promise<string>
  /** Milliseconds. */
  readonly timeouts?: Timeouts
}

export interface Timeouts {
  /** From the first byte of a request to the end of its headers. */
  readonly headers: number
  /** To the end of its body. */
  readonly request: number
  /** How often the two are looked at. */
  readonly checked: number
}

export interface ApiServer {
  /** Resolves with the port; port 0 takes a free one. Rejects with `LarderError` `address-taken`. */
  listen(host: string, port: number): Promise<number>
  /** Ends when the requests under way are answered, after a second at the latest. */
  close(): Promise<void>
}

const usualTimeouts: Timeouts = { headers: 10_000, request: 30_000, checked: 2_000 }
const keepAliveMs = 60_000
const closingMs = 1_000

interface Reply {
  readonly status: number
  readonly type: 'text/xml' | 'text/plain; version=0.0.4; charset=utf-8'
  readonly body: string
}

const text = (body: string): Reply => ({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body })

/** Path and query of a request line: `/?a=b`, or in the form for proxies `http://host/?a=b`. */
const targetOf = (message: IncomingMessage): { readonly path: string; readonly query: string } => {
  const target = (message.url ?? '/').replace(/^http:\/\/[^/?]*/i, '')
  const at = target.indexOf('?')
  return at < 0 ? { path: target || '/', query: '' } : { path: target.slice(0, at) || '/', query: target.slice(at + 1) }
}

const headersOf = (message: IncomingMessage): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : (value ?? '')]),
  )

const replyTo = async (dependencies: ApiServerDependencies, message: IncomingMessage, requestId: string): Promise<Reply> => {
  const { path, query } = targetOf(message)
  const method = message.method ?? ''
  if (method === 'GET' || method === 'HEAD') {
    if (path === '/health') return text('ok\n')
    if (path === '/metrics') return text(await dependencies.metrics())
  }
  if (method !== 'POST' && method !== 'GET')
    throw new Fault('InvalidAction', `Expected a POST or GET request, found ${method.slice(0, 20)}.`)
  if (path !== '/') throw new Fault('InvalidAction', `Expected the path /, found ${path.slice(0, 100)}.`)
  const request = { method, path, query: parseForm(query), headers: headersOf(message), body: await readBody(message) }
  const sourceAddress = message.socket.remoteAddress ?? null
  const { status, body } = await dispatch(dependencies, { request, requestId, sourceAddress })
  return { status, type: 'text/xml', body }
}

/** Answers before the whole request is there end the connection: what follows on it cannot be told from the rest of the request. */
const send = (message: IncomingMessage, response: ServerResponse, reply: Reply, requestId: string, last: boolean): void => {
  const early = !message.complete
  response.writeHead(reply.status, {
    'content-type': reply.type,
    'content-length': Buffer.byteLength(reply.body),
    'x-amzn-requestid': requestId,
    ...(early || last ? { connection: 'close' } : {}),
  })
  if (!early) return void response.end(reply.body)
  response.write(reply.body)
  drain(message, response)
}

export const createApiServer = (dependencies: ApiServerDependencies): ApiServer => {
  const { log, timeouts = usualTimeouts } = dependencies
  let closing = false

  const respond = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestId = randomUUID()
    try {
      send(message, response, await replyTo(dependencies, message, requestId), requestId, closing)
    } catch (error) {
      if (message.destroyed && !message.complete) return // The client went away, or what it sent was not HTTP and has its answer.
      const wire = tellable(error, log, requestId)
      const reply: Reply = { status: wire.status, type: 'text/xml', body: encodeError(wire, requestId) }
      send(message, response, reply, requestId, closing)
    }
  }

  const server = createServer(
    {
      headersTimeout: timeouts.headers,
      requestTimeout: timeouts.request,
      connectionsCheckingInterval: timeouts.checked,
      keepAliveTimeout: keepAliveMs,
      // Without it Node answers itself, and not in the form of AWS; the signature covers the header.
      requireHostHeader: false,
    },
    (message, response) => {
      respond(message, response).catch((error: unknown) => {
        log('error', 'an answer could not be sent', { error })
        response.destroy()
      })
    },
  )
  answerBrokenHttp(server)
  server.on('checkContinue', (message, response) => {
    // Who asks before sending a body that is too large gets the refusal, and sends none.
    if (!isTooLarge(message)) response.writeContinue()
    server.emit('request', message, response)
  })

  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        const fail = (error: NodeJS.ErrnoException): void => {
          const taken = error.code === 'EADDRINUSE'
          const reason = taken
            ? `expected port ${port} of ${host} to be free, found it taken; choose another with --port or LARDER_PORT`
            : `cannot listen on ${host}:${port}: ${error.message}`
          reject(new LarderError(taken ? 'address-taken' : 'machine', reason, { cause: error }))
        }
        server.once('error', fail)
        server.listen(port, host, () => {
          server.off('error', fail)
          resolve((server.address() as AddressInfo).port)
        })
      }),
    close: () =>
      new Promise((resolve) => {
        closing = true
        const timer = setTimeout(() => server.closeAllConnections(), closingMs)
        server.close(() => {
          clearTimeout(timer)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}
