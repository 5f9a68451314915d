/** A narrow road to a server: so many bytes of what the server says pass in a second. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Server } from './servers.ts'

export interface Slow extends AsyncDisposable {
  readonly url: string
  /** Connections that were ever opened. */
  readonly opened: number
  /** Bytes a second. 0: nothing passes. */
  slow(bytes: number): void
}

const stepMs = 20

export const openSlow = async (server: Server): Promise<Slow> => {
  const sockets = new Set<Socket>()
  let rate = Number.POSITIVE_INFINITY
  let opened = 0
  const listener = createServer((near) => {
    opened += 1
    const far = connect(server.port, server.address)
    for (const one of [near, far]) {
      one.setNoDelay(true)
      sockets.add(one)
      one.on('error', () => undefined) // the other side is told by its end
      one.on('close', () => {
        sockets.delete(one)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far)
    const waiting: Buffer[] = []
    const pass = (): void => {
      let left = (rate * stepMs) / 1_000
      for (let first = waiting[0]; first !== undefined && left > 0; first = waiting[0]) {
        const part = first.subarray(0, Math.ceil(Math.min(left, first.length)))
        near.write(part)
        left -= part.length
        if (part.length === first.length) waiting.shift()
        else waiting[0] = first.subarray(part.length)
      }
    }
    far.on('data', (data) => {
      waiting.push(data)
      if (rate === Number.POSITIVE_INFINITY) pass()
    })
    const timer = setInterval(pass, stepMs)
    near.on('close', () => clearInterval(timer))
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    url: `redis://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    get opened() {
      return opened
    },
    slow: (bytes) => {
      rate = bytes
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
