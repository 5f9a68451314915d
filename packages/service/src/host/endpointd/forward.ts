/** A reader endpoint for machines where the kernel may not balance: passes bytes between a client and one replica. */
import type { Socket } from 'node:net'
import type { Endpoint } from '../../model/group.ts'
import { connectToFirst } from './sockets.ts'

/** The backends from this one on, around. */
export const startingAt = (backends: readonly Endpoint[], turn: number): readonly Endpoint[] => {
  const first = backends.length === 0 ? 0 : turn % backends.length
  return [...backends.slice(first), ...backends.slice(0, first)]
}

/** Connects to the first of these that accepts, from this address where one is given; where none does, the client's connection is reset. */
export const forwardTo = async (client: Socket, backends: readonly Endpoint[], from?: string): Promise<void> => {
  const server = await connectToFirst(backends, from === undefined ? {} : { from })
  if (server === null) {
    client.resetAndDestroy()
    return
  }
  if (client.destroyed) server.destroy()
  // `pipe` passes on the end of each direction by itself; a connection that breaks takes the other with it.
  client.once('close', () => server.destroy())
  server.once('close', () => client.destroySoon())
  client.pipe(server)
  server.pipe(client)
}
