/** Bodies of requests: read up to a limit, each and together, and never for longer than anyone waits. */
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

/** A body that is being read, or waits for its turn. */
export interface Held {
  /** A copy, which is empty once it has been dropped. */
  bytes(): Uint8Array
  /** It has its answer, or needs none. */
  release(): void
}

interface Holding {
  size: number
  readonly drop: () => void
}

export interface Bodies {
  /**
   * Resolves with the whole body. Of a larger one no more than the limit is kept: rejects with `RequestEntityTooLarge` as soon as that is known,
   * and the rest is left to `drain`. Rejects with what the connection says where it breaks.
   */
  read(message: IncomingMessage): Promise<Held>
  /** Bytes of all that are held. */
  held(): number
}

const firstBytes = 4_096

/**
 * Holds at most so many bytes of bodies at once. Beyond that the largest one is dropped, and its connection closed: requests that make
 * sense are small, and are the last to go. However small the pieces are in which a body comes, it costs no more than twice its length.
 */
export const createBodies = (most: number): Bodies => {
  const all = new Set<Holding>()
  let total = 0
  const grow = (holding: Holding, size: number): void => {
    if (!all.has(holding)) return
    total += size - holding.size
    holding.size = size
    while (total > most) {
      let largest = holding
      for (const each of all) if (each.size > largest.size) largest = each
      largest.drop()
    }
  }
  const read = (message: IncomingMessage): Promise<Held> =>
    new Promise((resolve, reject) => {
      let bytes = Buffer.alloc(0)
      let length = 0
      const release = (): void => {
        if (!all.delete(holding)) return
        total -= holding.size
        bytes = Buffer.alloc(0)
        length = 0
      }
      const drop = (): void => {
        release()
        message.socket.destroy()
      }
      const holding: Holding = { size: 0, drop }
      const fail = (error: unknown): void => {
        message.off('data', take)
        release()
        reject(error)
      }
      const take = (chunk: Buffer): void => {
        if (length + chunk.length > mostBodyBytes) {
          fail(tooLarge())
          return
        }
        if (length + chunk.length > bytes.length) {
          const larger = Buffer.allocUnsafeSlow(Math.min(mostBodyBytes, Math.max(firstBytes, 2 * (length + chunk.length))))
          bytes.copy(larger, 0, 0, length)
          bytes = larger
        }
        length += chunk.copy(bytes, length)
        grow(holding, bytes.length)
      }
      message.on('error', fail)
      if (isTooLarge(message)) return reject(tooLarge())
      all.add(holding)
      message.on('end', () => resolve({ bytes: () => new Uint8Array(bytes.subarray(0, length)), release }))
      message.on('data', take)
    })
  return { read, held: () => total }
}

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
