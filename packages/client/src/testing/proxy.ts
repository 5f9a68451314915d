/** A road to a server that can be made bad: what comes from the server is held back, cut, or garbled. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** `hang`: takes connections and everything that is sent, and gives no answer; those that it has taken meanwhile never get one. */
export type Road = 'open' | 'hang'

export interface Proxy extends AsyncDisposable {
  readonly url: string
  /** Connections that stand. */
  readonly open: number
  set(road: Road): void
  /** Milliseconds that each answer takes from now on. */
  delay(milliseconds: number): void
  /** Ends a connection in the middle of what the server says next, after so many bytes. */
  cutAfter(bytes: number): void
  /** The next answer of the server comes with this before it. */
  garble(text: string): void
}

type Place = { readonly address: string; readonly port: number }

/** To the first of them, and then to each in its turn, a connection at a time. */
export const openProxy = async (...to: readonly [Place, ...Place[]]): Promise<Proxy> => {
  const sockets = new Set<Socket>()
  let road: Road = 'open'
  let delay = 0
  let cut: number | null = null
  let garbage: string | null = null
  let taken = 0
  const server = createServer((near) => {
    let isDead = road === 'hang'
    const { port, address } = to[taken % to.length] ?? to[0]
    taken += 1
    const far = connect(port, address)
    for (const one of [near, far]) {
      sockets.add(one)
      one.on('error', () => undefined) // the other side is told by its end
      one.on('close', () => {
        sockets.delete(one)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (data) => {
      if (road === 'hang') isDead = true
      if (!isDead) far.write(data)
    })
    far.on('data', (data) => {
      if (road === 'hang') isDead = true
      if (isDead) return
      const say = () => {
        if (garbage !== null) near.write(garbage)
        garbage = null
        if (cut === null || data.length <= cut) near.write(data)
        else {
          near.write(data.subarray(0, cut), () => near.destroy())
          isDead = true
          cut = null
        }
      }
      if (delay === 0) say()
      else setTimeout(say, delay).unref()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get open() {
      return sockets.size / 2
    },
    set: (next) => {
      road = next
    },
    delay: (milliseconds) => {
      delay = milliseconds
    },
    cutAfter: (bytes) => {
      cut = bytes
    },
    garble: (text) => {
      garbage = text
    },
    [Symbol.asyncDispose]: async () => {
      for (const one of sockets) one.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
