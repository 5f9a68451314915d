import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { connect as connectTls } from 'node:tls'
import { LarderError } from '../errors.ts'
import type { Endpoint } from '../model/group.ts'

/**
 * The text protocol of Memcached on this terminal: one command from the arguments, or line by line from the input until its end.
 * With `ca` (PEM) by TLS.
 */
export const converse = ({ address, port }: Endpoint, command: readonly string[], ca: string | null): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = ca === null ? connect(port, address) : connectTls({ host: address, port, ca })
    socket.on('error', (error) =>
      reject(new LarderError('engine-unreachable', `${address}:${port} does not answer: ${error.message}`, { cause: error })),
    )
    socket.on('close', () => resolve(0))
    socket.pipe(process.stdout, { end: false })
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
