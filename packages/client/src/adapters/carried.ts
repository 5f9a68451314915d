/** What a socket has carried. */
import type { Socket } from 'node:net'

/** What was given to the system, of a long text that is on its way: Node says so nowhere else. */
interface Handle {
  readonly _handle?: { readonly writeQueueSize?: number } | null
}

/** Bytes that have come, and bytes that the other side has made room for. */
export const carriedBy = (socket: Socket): number => {
  const waiting = (socket as unknown as Handle)._handle?.writeQueueSize ?? 0
  return socket.bytesRead + (socket.bytesWritten ?? 0) - waiting
}
