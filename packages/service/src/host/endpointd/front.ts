/** One port for connections with and without TLS: the first byte tells which it is. */
import type { Socket } from 'node:net'
import type { Front } from '../../ports/balancer.ts'
import { forwardTo } from './forward.ts'

/** Content type of a TLS record with a handshake (RFC 8446, 5.1): no command of RESP and no inline command begins with it. */
const handshake = 0x16

/** Clients speak first. One that says nothing is kept waiting, as an engine would. */
export const serveFront = (client: Socket, { plain, tls }: Front): Promise<void> =>
  new Promise((resolve) => {
    client.once('close', resolve)
    client.once('end', () => client.destroySoon())
    client.once('data', (chunk: Buffer) => {
      client.pause()
      client.removeAllListeners('end')
      client.unshift(chunk)
      // From where the other nodes of the group come too: not everybody may connect to the ports behind.
      const from = plain.address
      forwardTo(client, [chunk[0] === handshake ? tls : plain], from).then(resolve, resolve)
    })
  })
