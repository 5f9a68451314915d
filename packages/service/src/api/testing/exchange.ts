/** HTTP byte by byte, for what a client library would not send. */
import { connect } from 'node:net'
import { patience } from '../../testing/busy-machine.ts'

export interface Answer {
  readonly status: number
  readonly headers: string
  readonly body: string
}

const deadlineMs = 10_000 * patience

/** One connection for each request: what comes back until it is whole, or until the other side ends it. */
export const exchange = (port: number, bytes: Uint8Array): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const toHead = Buffer.from(bytes.subarray(0, 5)).toString() === 'HEAD '
    let got = ''
    const finish = (): void => {
      socket.destroy()
      const end = got.indexOf('\r\n\r\n')
      if (end < 0) reject(new Error(`no answer, found: ${JSON.stringify(got.slice(0, 200))}`))
      else resolve({ status: Number(got.slice(9, 12)), headers: got.slice(0, end), body: got.slice(end + 4) })
    }
    socket.setTimeout(deadlineMs, () => socket.destroy(new Error(`no answer within ${deadlineMs} ms`)))
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      got += text
      const end = got.indexOf('\r\n\r\n')
      const length = /^content-length: (\d+)$/im.exec(got.slice(0, end))?.[1]
      const whole = toHead || (length !== undefined && Buffer.byteLength(got.slice(end + 4)) >= Number(length))
      if (end >= 0 && whole) finish()
    })
    socket.on('end', finish)
    socket.on('error', reject)
    socket.write(bytes)
  })

export const http = (
  method: string,
  target: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array | string,
): Uint8Array => {
  const bytes = Buffer.from(body)
  const all = { 'content-length': String(bytes.length), ...headers }
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${head.join('')}\r\n`), bytes])
}
