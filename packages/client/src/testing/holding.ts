/** What one process sends to a server, held back where a test says so: as by a network that is slow for a moment. Nothing is lost, and the order is kept. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Server } from './servers.ts'

export interface Holding extends AsyncDisposable {
  readonly url: string
  /** From the next packet on of which this is true. */
  holdFrom(which: (packet: string) => boolean): void
  /** Packets that are held. */
  held(): number
  release(): void
}

export const openHolding = async (server: Server): Promise<Holding> => {
  let wanted: ((packet: string) => boolean) | null = null
  const waiting: (() => void)[] = []
  const sockets = new Set<Socket>()
  const listener = createServer((client) => {
    const upstream = connect(server.port, server.address)
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    upstream.pipe(client)
    client.on('data', (packet) => {
      if (waiting.length > 0 || wanted?.(packet.toString('latin1')) === true) {
        wanted = null
        waiting.push(() => upstream.write(packet))
      } else upstream.write(packet)
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    url: `redis://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    holdFrom: (which) => {
      wanted = which
    },
    held: () => waiting.length,
    release: () => {
      for (const go of waiting.splice(0)) go()
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
