import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { exchange, randomLoopbackPrefix } from '../testing.ts'
import { serveFront } from './front.ts'

const address = `${randomLoopbackPrefix()}.1`
const port = 6_379
const plain = { address, port: port + 1 }
const tls = { address, port: port + 2 }
const servers: Server[] = []
const peers: (string | undefined)[] = []

const listen = async (at: number, serve: (socket: Socket) => void): Promise<Server> => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    serve(socket)
  })
  server.listen(at, address)
  await once(server, 'listening')
  servers.push(server)
  return server
}

/** Says which one it is, then everything that it is told. */
const echo = (name: string) => (socket: Socket) => {
  peers.push(socket.remoteAddress)
  socket.write(`${name}:`)
  socket.pipe(socket)
}

before(async () => {
  await listen(port, (client) => void serveFront(client, { endpoint: { address, port }, plain, tls }))
  await listen(plain.port, echo('plain'))
  await listen(tls.port, echo('tls'))
})

after(() => {
  for (const server of servers) server.close()
})

test('the first byte tells who serves a connection, and every byte arrives', async () => {
  assert.equal(await exchange(address, port, 'PING\r\n'), 'plain:PING\r\n')
  assert.equal(await exchange(address, port, '*1\r\n$4\r\nPING\r\n'), 'plain:*1\r\n$4\r\nPING\r\n')
  assert.equal(await exchange(address, port, '\x16\x03\x01hello'), 'tls:\x16\x03\x01hello')
  const long = `\x16${'x'.repeat(3_000_000)}`
  assert.equal(await exchange(address, port, long), `tls:${long}`)
  assert.ok(
    peers.every((peer) => peer === address),
    'it comes from where nodes of the group come from',
  )
})

test('who says nothing and leaves reaches nobody', async () => {
  const reached = peers.length
  assert.equal(await exchange(address, port, ''), '')
  const client = connect({ host: address, port })
  await once(client, 'connect')
  client.resetAndDestroy()
  assert.equal(await exchange(address, port, 'x'), 'plain:x')
  assert.equal(peers.length, reached + 1)
})
