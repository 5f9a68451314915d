/** What cannot be read as HTTP, and what HTTP knows and this API does not, gets an answer in AWS's form too. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Fault } from '../../errors.ts'
import { commonError, encodeError, internalFailure } from '../protocols/query/error.ts'
import { STATUS_CODES } from './http.ts'

const faultOf = (error: NodeJS.ErrnoException): Fault => {
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Fault('RequestTimeout', 'Expected the whole request in time, found a part of it.')
    case 'HPE_HEADER_OVERFLOW':
      return new Fault('RequestEntityTooLarge', 'Expected a request with smaller headers.')
    default:
      return new Fault('MalformedQueryString', 'Expected a request of HTTP/1.1.')
  }
}

const endWith = (socket: Duplex, fault: Fault, xmlns: string): void => {
  const requestId = randomUUID()
  const wire = commonError(fault) ?? internalFailure
  const body = encodeError(wire, requestId, xmlns)
  const headers = [
    `HTTP/1.1 ${wire.status} ${STATUS_CODES[wire.status] ?? ''}`,
    'Connection: close',
    'Content-Type: text/xml',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `x-amzn-requestid: ${requestId}`,
  ]
  // A socket that Node has handed over is closed by nobody else, also where the client keeps its side open.
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

export const answerBrokenHttp = (server: Server, xmlns: string): void => {
  const end = (socket: Duplex, fault: Fault): void => endWith(socket, fault, xmlns)
  const underWay = new WeakMap<Duplex, { readonly message: IncomingMessage; readonly response: ServerResponse }>()
  server.prependListener('request', (message: IncomingMessage, response: ServerResponse) => {
    underWay.set(message.socket, { message, response })
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
    const before = underWay.get(socket)
    // Rubbish behind a request that is whole: that request gets its answer, and the rubbish none.
    if (before?.message.complete && !before.response.writableFinished) {
      before.response.once('close', () => socket.destroy())
      return
    }
    // The answer to a request refused before its end is out already.
    if (before?.response.headersSent && !before.response.writableFinished) return void socket.destroy()
    end(socket, faultOf(error))
  })
  server.on('connect', (message, socket) =>
    end(socket, new Fault('InvalidAction', `Expected a POST or GET request, found ${message.method}.`)),
  )
  server.on('checkExpectation', (message: IncomingMessage) =>
    end(message.socket, new Fault('MalformedQueryString', 'Expected no header Expect, or 100-continue.')),
  )
}
