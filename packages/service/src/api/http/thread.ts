/**
 * The thread that serves HTTP. Whatever is sent to the port is read here, so that neither a flood nor rubbish holds up the thread that
 * fails engines over: that one gets whole requests, a few at a time.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { flushCompileCache } from 'node:module'
import type { AddressInfo, Socket } from 'node:net'
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { Fault } from '../../errors.ts'
import { commonError, encodeError, internalFailure } from '../protocols/query/error.ts'
import { createBodies, drain, type Held, isTooLarge } from './body.ts'
import { answerBrokenHttp } from './broken-http.ts'
import { createConnections } from './connections.ts'
import { type AllowedHosts, allowedHosts, whyRefused } from './hosts.ts'
import { createServer } from './http.ts'
import type { Asked, FromFront, FrontSettings, Reply, ToFront } from './messages.ts'
import { createGovernor, createPace } from './pace.ts'
import { createWindow } from './window.ts'

const { timeouts, limits, allowedHosts: hostSetting, xmlns } = workerData as FrontSettings
const signedKeepAliveMs = 60_000
const closingMs = 1_000
const tellRefusedMs = 60_000
/** Accepted and not seen yet, beyond the limits: the kernel's answer to more than these costs next to nothing. */
const spareConnections = 32
/** Requests that the other thread has at one time. */
const windows = { signed: 64, unsigned: 4 }
const nice = 5
/** Requests a second, and at once, of those who have not signed: the other thread needs some 0.2 ms for each. */
const unsignedPace = { perSecond: 400, burst: 200, mostWaiting: 800 }
/** Bytes of bodies that wait, of those who have signed on their connection and of the others. */
const mostHeldBytes = { signed: 128 * 1024 ** 2, unsigned: 32 * 1024 ** 2 }
/** Of one processor, for those who have not signed. */
const unsignedShare = 0.25

const tell = (message: FromFront): void => parentPort?.postMessage(message)
const log = (level: 'info' | 'warn' | 'error', message: string, fields: object): void =>
  tell({ what: 'log', level, message, fields })

// Of this thread alone, on Linux. Where it is refused the thread is only as important as the others.
try {
  setPriority(0, nice)
} catch (error) {
  log('info', 'the thread of the API keeps its priority', { error: String(error) })
}

const connections = createConnections(limits, () => performance.now())
const answers = new Map<number, PromiseWithResolvers<Reply>>()
const signedWindow = createWindow(windows.signed)
const unsignedWindow = createWindow(windows.unsigned)
const pace = createPace(unsignedPace, () => performance.now())
const bodies = { signed: createBodies(mostHeldBytes.signed), unsigned: createBodies(mostHeldBytes.unsigned) }
const govern = createGovernor(unsignedShare)
let lastId = 0
let closing = false
let hosts: AllowedHosts = allowedHosts('')

/** Path and query of a request line: `/?a=b`, or in the form for proxies `http://host/?a=b`. */
const targetOf = (url: string): { readonly path: string; readonly query: string } => {
  const target = url.replace(/^http:\/\/[^/?]*/i, '')
  const at = target.indexOf('?')
  return at < 0 ? { path: target || '/', query: '' } : { path: target.slice(0, at) || '/', query: target.slice(at + 1) }
}

/** Of these HTTP knows one, and whoever reads a request may take the first or the last. */
const single: ReadonlySet<string> = new Set([
  ...['authorization', 'content-length', 'content-type', 'date', 'expect', 'host', 'origin', 'sec-fetch-site', 'user-agent'],
  ...['x-amz-content-sha256', 'x-amz-date', 'x-amz-security-token'],
])

const checkHeaders = ({ rawHeaders }: IncomingMessage): void => {
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    if (seen.has(name) && single.has(name))
      throw new Fault('MalformedInput', `Expected the header ${name} once, found it more than once.`)
    seen.add(name)
  }
}

const headersOf = (message: IncomingMessage): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : (value ?? '')]),
  )

const routeOf = (message: IncomingMessage, path: string): Asked['route'] => {
  const method = message.method ?? ''
  if ((method === 'GET' || method === 'HEAD') && (path === '/health' || path === '/metrics')) {
    const refused = whyRefused(hosts, { target: message.url ?? '', headers: message.headers })
    if (refused !== null) throw new Fault('AccessDenied', refused)
    return path === '/health' ? 'health' : 'metrics'
  }
  if (method !== 'POST' && method !== 'GET')
    throw new Fault('InvalidAction', `Expected a POST or GET request, found ${method.slice(0, 20)}.`)
  if (path !== '/') throw new Fault('InvalidAction', `Expected the path /, found ${path.slice(0, 100)}.`)
  return 'api'
}

const noBody: Held = { bytes: () => new Uint8Array(), release: () => undefined }

const ask = async (message: IncomingMessage, requestId: string): Promise<Reply> => {
  checkHeaders(message)
  const { path, query } = targetOf(message.url ?? '/')
  const route = routeOf(message, path)
  const kind = connections.isSigned(message.socket) ? 'signed' : 'unsigned'
  using disposables = new DisposableStack()
  const held = route === 'api' ? await bodies[kind].read(message) : noBody
  disposables.defer(held.release)
  connections.received(message.socket)
  const isSigned = connections.isSigned(message.socket)
  const window = isSigned ? signedWindow : unsignedWindow
  if (!isSigned && !(await pace(() => message.socket.destroyed))) {
    if (message.socket.destroyed) throw new Error('the client went away')
    throw new Fault('Throttling', 'Too many requests without a signature wait for their answers; send it again a little later.')
  }
  return await window(async () => {
    if (message.socket.destroyed) throw new Error('the client went away')
    lastId += 1
    const id = lastId
    const answer = Promise.withResolvers<Reply>()
    answers.set(id, answer)
    const sourceAddress = message.socket.remoteAddress ?? null
    const method = message.method ?? ''
    const headers = headersOf(message)
    tell({ what: 'request', id, route, requestId, method, path, query, headers, body: held.bytes(), sourceAddress })
    held.release() // the other thread has its own
    return answer.promise
  })
}

/** Answers before the whole request is there end the connection: what follows on it cannot be told from the rest of the request. */
const send = (message: IncomingMessage, response: ServerResponse, reply: Reply, requestId: string): void => {
  const early = !message.complete
  response.writeHead(reply.status, {
    'content-type': reply.type,
    'content-length': Buffer.byteLength(reply.body),
    'x-amzn-requestid': requestId,
    ...(early || closing ? { connection: 'close' } : {}),
  })
  if (!early) return void response.end(reply.body)
  response.write(reply.body)
  drain(message, response)
}

const refusal = (error: unknown, requestId: string): Reply => {
  const wire = error instanceof Fault ? commonError(error) : null
  if (wire === null) log('error', 'a request could not be read', { requestId, error: String(error) })
  const { status } = wire ?? internalFailure
  return { status, type: 'text/xml', body: encodeError(wire ?? internalFailure, requestId, xmlns), signed: false }
}

const respond = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
  const { socket } = message
  if (!connections.isSigned(socket)) govern()
  if (!connections.began(socket)) return
  let signed = false
  response.once('close', () => connections.ended(socket, signed))
  const requestId = randomUUID()
  try {
    const reply = await ask(message, requestId)
    signed = reply.signed
    send(message, response, reply, requestId)
  } catch (error) {
    if (message.socket.destroyed || (message.destroyed && !message.complete)) return // The client went away, or what it sent was not HTTP and has its answer.
    send(message, response, refusal(error, requestId), requestId)
  }
}

const server = createServer(
  {
    headersTimeout: timeouts.headers,
    requestTimeout: timeouts.request,
    connectionsCheckingInterval: timeouts.checked,
    keepAliveTimeout: signedKeepAliveMs,
    // Without it Node answers itself, and not in the form of AWS; the signature covers the header.
    requireHostHeader: false,
  },
  (message, response) => {
    respond(message, response).catch((error: unknown) => {
      log('error', 'an answer could not be sent', { error: String(error) })
      response.destroy()
    })
  },
)
server.maxConnections = limits.signed + limits.unsigned + spareConnections

/** Runs while somebody is connected who has not signed. */
let looking: NodeJS.Timeout | null = null
const look = (): void => {
  connections.closeIdle(timeouts.unsigned)
  if (connections.unsigned() > 0) return
  if (looking !== null) clearInterval(looking)
  looking = null
}

let refusedByKernel = 0
let toldAt = Number.NEGATIVE_INFINITY
const tellRefused = (): void => {
  if (performance.now() - toldAt < tellRefusedMs) return
  const refused = connections.takeRefused() + refusedByKernel
  if (refused === 0) return
  toldAt = performance.now()
  refusedByKernel = 0
  log('warn', 'the API has more connections than it takes: some were closed', { closed: refused, ...limits })
}

server.prependListener('connection', (socket: Socket) => {
  govern()
  socket.once('close', () => connections.closed(socket))
  const hasRoom = connections.opened(socket)
  tellRefused()
  if (hasRoom) looking ??= setInterval(look, Math.max(10, timeouts.unsigned / 4))
})
server.on('drop', () => {
  govern()
  refusedByKernel += 1
  tellRefused()
})
answerBrokenHttp(server, xmlns)
server.on('checkContinue', (message, response) => {
  // Who asks before sending a body that is too large gets the refusal, and sends none.
  if (!isTooLarge(message)) response.writeContinue()
  server.emit('request', message, response)
})

const listen = (host: string, port: number): void => {
  const fail = ({ code = '', message }: NodeJS.ErrnoException): void => tell({ what: 'not-listening', code, message })
  hosts = allowedHosts(host, hostSetting)
  server.once('error', fail)
  server.listen(port, host, () => {
    server.off('error', fail)
    // A connection that could not be accepted, for want of a descriptor: the next one may be.
    server.on('error', (error) => log('warn', 'a connection could not be accepted', { error: error.message }))
    tell({ what: 'listening', port: (server.address() as AddressInfo).port })
    // Else it would be written when the thread ends, and a process that is killed does not come to that.
    flushCompileCache()
  })
}

const close = (): void => {
  closing = true
  const timer = setTimeout(() => server.closeAllConnections(), closingMs)
  server.close(() => {
    clearTimeout(timer)
    tell({ what: 'closed' })
  })
  server.closeIdleConnections()
}

parentPort?.on('message', (message: ToFront) => {
  switch (message.what) {
    case 'listen':
      return listen(message.host, message.port)
    case 'close':
      return close()
    case 'reply':
      answers.get(message.id)?.resolve(message.reply)
      answers.delete(message.id)
  }
})
