import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { connect as connectTls } from 'node:tls'
import { LarderError } from '../errors.ts'
import type { Endpoint } from '../model/group.ts'

/**
 * The text protocol of Memcached on this terminal: one command from the arguments, or line by line from the input until its end.
 * With `ca` (PEM) by TLS; with a token it logs in first, and shows the answer (`STORED`).
 */
export const converse = (
  { address, port }: Endpoint,
  command: readonly string[],
  ca: string | null,
  token: string | undefined,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = ca === null ? connect(port, address) : connectTls({ host: address, port, ca })
    socket.on('error', (error) =>
      reject(new LarderError('engine-unreachable', `${address}:${port} does not answer: ${error.message}`, { cause: error })),
    )
    socket.on('close', () => resolve(0))
    socket.pipe(process.stdout, { end: false })
    if (token !== undefined) {
      const login = `default ${token}`
      socket.write(`set login 0 0 ${Buffer.byteLength(login)}\r\n${login}\r\n`)
    }
    if (command.length > 0) {
      socket.write(`${command.join(' ')}\r\nquit\r\n`)
      return
    }
    process.stderr.write(`${address}:${port}, the text protocol of Memcached; quit ends it\n`)
    const lines = createInterface({ input: process.stdin })
    lines.on('line', (line) => socket.write(`${line}\r\n`))
    lines.on('close', () => socket.write('quit\r\n'))
    socket.once('close', () => lines.close())
  })
