/**
 * A process that floods the API without a signature: `flood.ts KIND PORT SECONDS [ADDRESS]`. It prints one line when it has begun, and
 * ends by itself.
 *
 * `connections`: 3,000 that say nothing, each opened again when it is closed. `requests`: 200 connections that ask as fast as they get
 * answers. `pipelined`: 50 connections that send requests without waiting. `halves`: 1,000 that send half of a request's headers.
 */
import { connect, type Socket } from 'node:net'

const [kind = '', portText = '', secondsText = '', address = '127.0.0.1'] = process.argv.slice(2)
const port = Number(portText)
const until = performance.now() + Number(secondsText) * 1000
const body = 'Action=DescribeEvents&Version=2015-02-02'
const request = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const many = request.repeat(200)
const againMs = 5
let opened = 0
let answers = 0

const kinds: Readonly<Record<string, { readonly count: number; readonly begin: (socket: Socket) => void }>> = {
  connections: { count: 3_000, begin: () => undefined },
  halves: { count: 1_000, begin: (socket) => void socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nX-Half: ') },
  requests: {
    count: 200,
    begin: (socket) => {
      socket.write(request)
      socket.on('data', () => {
        answers += 1
        socket.write(request)
      })
    },
  },
  pipelined: {
    count: 50,
    begin: (socket) => {
      const more = (): void => {
        while (!socket.destroyed && socket.write(many));
      }
      socket.on('drain', more)
      socket.on('data', () => {
        answers += 1
      })
      more()
    },
  },
}

const flood = kinds[kind]
if (flood === undefined) throw new Error(`expected one of ${Object.keys(kinds).join(', ')}, found ${kind}`)

const open = (): void => {
  if (performance.now() > until) return
  const socket = connect({ port, host: '127.0.0.1', localAddress: address })
  socket.on('connect', () => {
    opened += 1
    flood.begin(socket)
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => setTimeout(open, againMs))
}
for (let index = 0; index < flood.count; index += 1) open()
setTimeout(() => process.stdout.write('begun\n'), 300)
setTimeout(() => {
  process.stderr.write(`${kind}: ${opened} connections, ${answers} answers\n`)
  process.exit(0)
}, until - performance.now())
