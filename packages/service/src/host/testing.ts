/** What the tests of this folder share. */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Three numbers of an address that no other test uses (as good as surely), and no home: `127.213.7`. */
export const randomLoopbackPrefix = (): string => `127.${randomInt(200, 252)}.${randomInt(0, 256)}`

export const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + 5_000
  while (!(await holds())) {
    if (performance.now() > deadline) assert.fail(`not within 5 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** A server that says its name on each connection and then echoes. */
export const listenNamed = async (address: string, port: number, name = address): Promise<Server & AsyncDisposable> => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    socket.write(`${name}\n`)
    socket.pipe(socket)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, resolve)
  })
  return Object.assign(server, {
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  })
}

/** The first line that the server at the other end says; rejects with the socket's error. */
export const askName = (address: string, port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: address, port })
    let text = ''
    socket.setTimeout(3_000, () => socket.destroy(new Error(`${address}:${port} said nothing within 3 s`)))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${address}:${port} closed the connection without a line`)))
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (!text.includes('\n')) return
      resolve(text.slice(0, text.indexOf('\n')))
      socket.destroy()
    })
  })
