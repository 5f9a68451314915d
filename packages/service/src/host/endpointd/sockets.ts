/** Reading, writing and connecting with back-pressure. */
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Endpoint } from '../../model/group.ts'

const connectDeadlineMs = 1_000

/** The other side has gone: nothing to report, only to tidy up. */
export class ConnectionEnded extends Error {
  override readonly name = 'ConnectionEnded'
}

/**
 * Calls `handle` for one chunk after the other, and reads no further meanwhile. Resolves at the end of what the other side sends,
 * when the last of it has been handled: the end of a socket is told also while it is paused.
 */
export const eachChunk = (socket: Socket, handle: (chunk: Buffer) => Promise<void>): Promise<void> =>
  new Promise((resolve, reject) => {
    let work: Promise<void> = Promise.resolve()
    socket.on('data', (chunk: Buffer) => {
      socket.pause()
      work = handle(chunk)
      work.then(() => socket.resume(), reject)
    })
    socket.once('end', () => work.then(resolve, reject))
    socket.once('close', () => work.then(() => reject(new ConnectionEnded('the connection was closed')), reject))
  })

/** Resolves when the socket takes more; rejects when it will never again. */
export const write = (socket: Socket, bytes: Buffer): Promise<void> => {
  if (!socket.writable) return Promise.reject(new ConnectionEnded('the connection takes nothing any more'))
  if (socket.write(bytes)) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off('drain', settle)
      socket.off('close', settle)
      if (socket.destroyed) reject(new ConnectionEnded('the connection was closed'))
      else resolve()
    }
    socket.on('drain', settle)
    socket.on('close', settle)
  })
}

export interface ConnectOptions {
  /** Address to connect from. */
  readonly from?: string
  /** By TLS, to somebody whose certificate is by one of these (PEM). */
  readonly authority?: string
}

/** Null where nobody accepts in time, or is not who it should be. The socket has a listener for errors for good: those show as its end. */
const connectTo = ({ address, port }: Endpoint, { from, authority }: ConnectOptions): Promise<Socket | null> =>
  new Promise((resolve) => {
    const options = {
      host: address,
      port,
      allowHalfOpen: true,
      noDelay: true,
      ...(from === undefined ? {} : { localAddress: from }),
    }
    const socket = authority === undefined ? connect(options) : connectTls({ ...options, ca: authority, minVersion: 'TLSv1.2' })
    const timer = setTimeout(() => socket.destroy(), connectDeadlineMs)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(null)
    })
    socket.once(authority === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
  })

/** The first of these that accepts. */
export const connectToFirst = async (endpoints: readonly Endpoint[], options: ConnectOptions = {}): Promise<Socket | null> => {
  for (const endpoint of endpoints) {
    const socket = await connectTo(endpoint, options)
    if (socket !== null) return socket
  }
  return null
}
