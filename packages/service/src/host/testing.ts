/** What the tests of this folder share. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { openCatalog } from '../engines/catalog.ts'
import { findTool } from '../engines/tools.ts'
import type { Log } from '../ports/log.ts'
import { until } from '../testing/busy-machine.ts'
import { createLinuxHost } from './linux.ts'
import { openPacketFilter, type PacketFilter } from './packet-filter/packet-filter.ts'
import type { WriterTiming } from './packet-filter/table-writer.ts'

/** Three numbers of an address that no other test uses (as good as surely), and no home: `127.213.7`. */
export const randomLoopbackPrefix = (): string => `127.${randomInt(200, 252)}.${randomInt(0, 256)}`

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

/** The first line that the server at the other end says; rejects with the socket's error. `from`: the address that is connected from. */
export const askName = (address: string, port: number, from?: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, ...(from === undefined ? {} : { localAddress: from }) })
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

/** A real Memcached of the engine catalog, which must be set up; ends with the test. */
export const startMemcached = async (address: string, port: number): Promise<AsyncDisposable & { kill(): Promise<void> }> => {
  const engine = openCatalog(process.env).find('memcached', '1.6')
  assert.ok(engine, 'expected Memcached 1.6 in the engine catalog: npm test sets it up')
  const [program = '', ...args] = engine.command
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : []
  const child = spawn(program, [...args, '-l', address, '-p', String(port), '-U', '0', '-m', '16', ...user], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  try {
    await until(`Memcached listens on ${address}:${port}`, async () =>
      (await exchange(address, port, 'version\r\n')).startsWith('VERSION 1.6'),
    )
  } catch (error) {
    await kill()
    throw error
  }
  return { kill, [Symbol.asyncDispose]: kill }
}

/** Sends all of it, says that this was all, and gives back everything that comes until the other side closes. */
export const exchange = (address: string, port: number, sent: string | Buffer | readonly Buffer[]): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true })
    const chunks: Buffer[] = []
    socket.setTimeout(5_000, () => socket.destroy())
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
    const pieces = Array.isArray(sent) ? (sent as readonly Buffer[]) : [Buffer.from(sent as string | Buffer)]
    const send = (index: number): void => {
      const piece = pieces[index]
      if (piece === undefined) socket.end()
      else socket.write(piece, () => setImmediate(send, index + 1))
    }
    send(0)
  })

/** The machine's own, or the one that was installed with the engines. */
export const nft: readonly string[] = findTool('nft', process.env) ?? ['nft']

/** As one run of Larder has it; ends with the signal. */
export const openTestFilter = (
  home: string,
  signal: AbortSignal,
  {
    command = nft,
    log = () => undefined,
    timing = {},
  }: { readonly command?: readonly string[]; readonly log?: Log; readonly timing?: Partial<WriterTiming> } = {},
): Promise<PacketFilter> =>
  openPacketFilter({
    home,
    nft: command,
    host: createLinuxHost(),
    clock: { sleep: (ms, ending) => delay(ms, undefined, ending === undefined ? {} : { signal: ending }) },
    log,
    signal,
    timing,
  })
