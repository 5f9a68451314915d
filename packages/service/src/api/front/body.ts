/** Bodies of requests: read up to a limit, and never for longer than anyone waits. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Fault } from '../../errors.ts'

/** The largest request of this API that makes sense (a parameter group changed whole) has less than 50 kB. */
export const mostBodyBytes = 1024 ** 2

const lingerMs = 2_000
const lingerBytes = 64 * 1024 ** 2

const tooLarge = (): Fault =>
  new Fault('RequestEntityTooLarge', `Expected a request of at most ${mostBodyBytes} bytes, found a larger one.`)

/** By what its header says; a body in chunks may turn out to be. */
export const isTooLarge = (message: IncomingMessage): boolean => Number(message.headers['content-length'] ?? 0) > mostBodyBytes

/**
 * The whole body. Of a larger one no more than the limit is kept: rejects with `RequestEntityTooLarge` as soon as that is known, and
 * the rest is left to `drain`. Rejects with what the connection says where it breaks.
 */
export const readBody = (message: IncomingMessage): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const take = (chunk: Buffer): void => {
      size += chunk.length
      if (size <= mostBodyBytes) chunks.push(chunk)
      else {
        chunks.length = 0
        message.off('data', take)
        reject(tooLarge())
      }
    }
    message.on('error', reject)
    if (isTooLarge(message)) return reject(tooLarge())
    message.on('end', () => resolve(Buffer.concat(chunks)))
    message.on('data', take)
  })

/**
 * Ends an exchange whose answer has been written while the client still sends. A connection that is closed with unread bytes takes the
 * answer away from the client, so these are read and dropped, for a while.
 */
export const drain = (message: IncomingMessage, response: ServerResponse): void => {
  let dropped = 0
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, lingerMs)
  message.on('data', (chunk: Buffer) => {
    dropped += chunk.length
    if (dropped > lingerBytes) end()
  })
  for (const event of ['end', 'error', 'close']) message.on(event, end)
  message.resume()
}
