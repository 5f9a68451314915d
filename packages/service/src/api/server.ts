/** The HTTP side of the API: one port, bounded bodies, one answer for each request. */
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Fault, LarderError } from '../errors.ts'
import type { SignedRequest } from '../security/sigv4.ts'
import { type DispatchDependencies, dispatch } from './dispatch.ts'
import { encodeError } from './wire/encode.ts'
import { wireError } from './wire/fault.ts'

const mostBodyBytes = 1024 ** 2
const requestTimeoutMs = 30_000
const headersTimeoutMs = 10_000

export interface ApiServerDependencies extends DispatchDependencies {
  /** Text in the format of Prometheus. */
  readonly metrics: () => Promise<string>
}

export interface ApiServer {
  /** Resolves with the port; port 0 takes a free one. Rejects with `address-taken`. */
  listen(host: string, port: number): Promise<number>
  close(): Promise<void>
}

/** Reads no more than the limit: the rest of a larger body is never taken from the connection. */
const readBody = (message: IncomingMessage): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const tooLarge = (): Fault =>
      new Fault('RequestEntityTooLarge', `Expected a request of at most ${mostBodyBytes} bytes, found a larger one.`)
    if (Number(message.headers['content-length'] ?? 0) > mostBodyBytes) {
      reject(tooLarge())
      return
    }
    const chunks: Buffer[] = []
    let size = 0
    message.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > mostBodyBytes) {
        message.pause()
        reject(tooLarge())
        return
      }
      chunks.push(chunk)
    })
    message.on('end', () => resolve(Buffer.concat(chunks)))
    message.on('error', reject)
  })

const headersOf = (message: IncomingMessage): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : (value ?? '')]),
  )

const queryOf = (url: URL): ReadonlyMap<string, string> => {
  const query = new Map<string, string>()
  for (const [name, value] of url.searchParams) {
    if (query.has(name)) throw new Fault('MalformedQueryString', `The parameter ${name.slice(0, 100)} is given more than once.`)
    query.set(name, value)
  }
  return query
}

const urlOf = (message: IncomingMessage): URL => {
  try {
    return new URL(message.url ?? '/', 'http://larder')
  } catch (error) {
    throw new Fault('MalformedQueryString', 'The path of the request is not a URL.', { cause: error })
  }
}

const send = (response: ServerResponse, status: number, type: string, body: string, requestId: string, close: boolean): void => {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'x-amzn-requestid': requestId,
    ...(close ? { connection: 'close' } : {}),
  })
  response.end(body)
}

const respond = async (
  dependencies: ApiServerDependencies,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const requestId = randomUUID()
  const refuse = (fault: Fault, close: boolean): void => {
    const wire = wireError(fault)
    send(response, wire.status, 'text/xml', encodeError(wire, requestId), requestId, close)
  }
  try {
    const url = urlOf(message)
    if (message.method === 'GET' && url.pathname === '/health') return send(response, 200, 'text/plain', 'ok\n', requestId, false)
    if (message.method === 'GET' && url.pathname === '/metrics') {
      return send(response, 200, 'text/plain; version=0.0.4', await dependencies.metrics(), requestId, false)
    }
    if (message.method !== 'POST' && message.method !== 'GET') {
      return refuse(new Fault('InvalidAction', `Expected a POST or GET request, found ${message.method?.slice(0, 20)}.`), true)
    }
    if (url.pathname !== '/')
      return refuse(new Fault('InvalidAction', `Expected the path /, found ${url.pathname.slice(0, 100)}.`), true)
    const request: SignedRequest = {
      method: message.method,
      path: url.pathname,
      query: queryOf(url),
      headers: headersOf(message),
      body: await readBody(message),
    }
    const { status, body } = await dispatch(dependencies, request, requestId)
    send(response, status, 'text/xml', body, requestId, false)
  } catch (error) {
    if (error instanceof Fault) return refuse(error, true)
    if (message.destroyed && !message.complete) return // the client went away
    dependencies.log('error', 'a request failed', { requestId, error })
    refuse(
      new Fault('InternalFailure', 'The request processing has failed because of an unknown error, exception or failure.'),
      true,
    )
  }
}

/** What cannot be read as HTTP gets an answer in AWS's form too. */
const answerBrokenHttp = (server: Server): void => {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
    const fault = late
      ? new Fault('RequestTimeout', 'The request did not arrive in time.')
      : new Fault('MalformedQueryString', 'The request is not HTTP.')
    const wire = wireError(fault)
    const body = encodeError(wire, randomUUID())
    const status = late ? '408 Request Timeout' : '400 Bad Request'
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/xml\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  })
}

export const createApiServer = (dependencies: ApiServerDependencies): ApiServer => {
  const server = createServer({ requestTimeout: requestTimeoutMs, headersTimeout: headersTimeoutMs }, (message, response) => {
    respond(dependencies, message, response).catch((error: unknown) => {
      dependencies.log('error', 'an answer could not be sent', { error })
      response.destroy()
    })
  })
  answerBrokenHttp(server)
  return {
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          const taken = error.code === 'EADDRINUSE'
          const message = taken
            ? `expected port ${port} of ${host} to be free, found it taken; choose another with --port or LARDER_PORT`
            : `cannot listen on ${host}:${port}: ${error.message}`
          reject(new LarderError(taken ? 'address-taken' : 'machine', message, { cause: error }))
        })
        server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
        setTimeout(() => server.closeAllConnections(), 1_000).unref()
      }),
  }
}
