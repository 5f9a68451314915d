/** Attacks on the encryption: without it, with an old one, with somebody else's certificate, and on the bus of a sharded group. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createConnection } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { createAuthority, createNodeCertificate, issuerOf } from '../../packages/service/src/security/tls/certificate.ts'
import type { EngineTarget } from './engine-rows.ts'
import type { Attack } from './table.ts'
import { command, type Place, talk } from './wire.ts'

/** Version and cipher of the connection, or why there is none. */
const shake = ({ host, port, ca }: Place, options: ConnectionOptions): Promise<string> =>
  new Promise((resolve) => {
    const socket: TLSSocket = connect({ host, port, ...(ca === undefined ? {} : { ca }), ...options })
    const finish = (text: string): void => {
      socket.destroy()
      resolve(text)
    }
    socket.setTimeout(3_000, () => finish('refused: no answer'))
    socket.once('secureConnect', () => finish(`${socket.getProtocol()} ${socket.getCipher().standardName}`))
    socket.once('error', (error: NodeJS.ErrnoException) => finish(`refused: ${error.code ?? error.message}`))
  })

const shaking =
  (options: ConnectionOptions): Attack<EngineTarget>['how'] =>
  ({ place }) =>
    shake(place, options)

/** `SECLEVEL=0`: this client would take everything. */
const only = (ciphers: string): ConnectionOptions => ({ maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` })

const hour = 3_600_000
const stranger = (): { readonly cert: string; readonly key: string; readonly authority: string } => {
  const validity = { from: Date.now() - hour, until: Date.now() + hour }
  const authority = createAuthority('Larder', validity)
  const issuer = issuerOf(new X509Certificate(authority.certificate), createPrivateKey(authority.key))
  const { certificate, key } = createNodeCertificate(issuer, 'node', ['127.0.0.1'], validity)
  return { cert: certificate, key, authority: authority.certificate }
}

export const tlsAttacks: readonly Attack<EngineTarget>[] = [
  {
    name: 'TLS as it should be (so that the others fail for what is in them)',
    how: shaking({}),
    must: /^TLSv1\.3 TLS_(?:AES|CHACHA20)/,
  },
  {
    name: 'TLS 1.2 as it should be',
    how: shaking({ maxVersion: 'TLSv1.2' }),
    must: /^TLSv1\.2 TLS_ECDHE_ECDSA_WITH_(?:AES_\d+_GCM|CHACHA20_POLY1305)/,
  },
  {
    name: 'plain text to the port',
    how: ({ place: { host, port }, token }) => talk({ host, port }, command('AUTH', token), command('PING')),
    must: /closed/,
    never: /OK|PONG/,
  },
  {
    name: 'TLS 1.0',
    how: shaking({ minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' }),
    must: /^refused: ERR_SSL/,
  },
  {
    name: 'TLS 1.1',
    how: shaking({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }),
    must: /^refused: ERR_SSL/,
  },
  ...(
    [
      ['without a key of its own for the connection', 'kRSA'],
      ['by blocks with SHA-1', 'ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA'],
      ['by blocks with SHA-256', 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384'],
      ['without any encryption', 'eNULL'],
      ['without knowing who it is', 'aNULL'],
      ['with a shared key', 'PSK'],
    ] as const
  ).map(([name, ciphers]) => ({ name: `a cipher ${name}`, how: shaking(only(ciphers)), must: /^refused: ERR_SSL/ })),
  {
    name: 'the certificate is not taken by whoever trusts only the authorities of the system',
    how: ({ place: { host, port } }) => shake({ host, port }, {}),
    must: /^refused: (?:SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/,
  },
  {
    name: 'the certificate is not taken by whoever trusts another authority of the same name',
    how: ({ place }) => shake({ ...place, ca: stranger().authority }, {}),
    must: /^refused: (?:SELF_SIGNED_CERT_IN_CHAIN|CERT_SIGNATURE_FAILURE|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/,
  },
  {
    name: 'the certificate does not serve for another address',
    how: ({ place }) => shake(place, { servername: 'elsewhere.example' }),
    must: /^refused: ERR_TLS_CERT_ALTNAME_INVALID$/,
  },
]

const meetType = 2
const headerBytes = 2_256

/** What a node says that wants to be known (struct clusterMsg of the engines' cluster_legacy.h): it would be asked back on its own port. */
const meet = (): Buffer => {
  const message = Buffer.alloc(headerBytes)
  message.write('RCmb', 0, 'latin1')
  message.writeUInt32BE(headerBytes, 4)
  message.writeUInt16BE(1, 8) // version of the protocol
  message.writeUInt16BE(6379, 10)
  message.writeUInt16BE(meetType, 12)
  message.write('a'.repeat(40), 40, 'latin1') // its name
  message.write('127.0.0.1', 2_168, 'latin1') // its address
  message.writeUInt16BE(1, 2_248) // the port of its bus: nobody is there
  message.writeUInt16BE(1, 2_250) // it is a primary
  return message
}

/** What the node knows of its cluster after somebody has said this to its bus. */
const afterwards =
  (open: (place: Place) => import('node:net').Socket): Attack<EngineTarget>['how'] =>
  async ({ place, token }) => {
    const said = await new Promise<string>((resolve) => {
      const socket = open({ ...place, port: place.port + 10_000 })
      socket.setTimeout(1_000, () => resolve('silent'))
      socket.once('data', (bytes: Buffer) => resolve(`answered ${bytes.subarray(0, 4).toString('latin1')}`))
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      socket.once('close', () => resolve('closed'))
      socket.write(meet())
    })
    const login = token === '' ? [] : [command('AUTH', token)]
    const known = await talk(place, ...login, command('CLUSTER', 'NODES'))
    return `${said}; ${/ handshake /.test(known) ? 'a stranger is in the cluster' : 'the cluster is as it was'}`
  }

/** Where nothing is encrypted, and the kernel keeps strangers from the bus: from another address, and from that of a node as another user. */
export const plainBusAttacks: readonly Attack<EngineTarget>[] = [
  {
    name: 'the bus of a group without TLS',
    how: afterwards(({ host, port }) => createConnection({ host, port, localAddress: '127.0.0.1' })),
    must: /^EHOSTUNREACH; the cluster is as it was$/,
  },
  {
    name: 'the bus of a group without TLS, from an address that was made up',
    how: afterwards(({ host, port }) => createConnection({ host, port, localAddress: '127.200.0.1' })),
    must: /^EHOSTUNREACH; the cluster is as it was$/,
  },
  {
    name: 'the bus of a group without TLS, from the address of a node as its user (so that the others fail for where they come from)',
    how: afterwards(({ host, port }) => createConnection({ host, port, localAddress: host })),
    must: /^answered RCmb; a stranger is in the cluster$/,
  },
]

/** From the address of a node, as its user: the kernel keeps all others from the bus where it can. */
export const busAttacks: readonly Attack<EngineTarget>[] = [
  {
    name: 'the bus, in plain text',
    how: afterwards(({ host, port }) => createConnection({ host, port, localAddress: host })),
    must: /^(?:closed|ECONNRESET); the cluster is as it was$/,
  },
  {
    name: 'the bus, without a certificate',
    how: afterwards(({ host, port, ca = '' }) =>
      connect({ socket: createConnection({ host, port, localAddress: host }), host, ca }),
    ),
    must: /^ERR_SSL_\w*CERTIFICATE_REQUIRED; the cluster is as it was$/,
  },
  {
    name: 'the bus, with a certificate of an authority of the same name',
    how: afterwards(({ host, port, ca = '' }) => {
      const { cert, key } = stranger()
      return connect({ socket: createConnection({ host, port, localAddress: host }), host, ca, cert, key })
    }),
    must: /^ERR_SSL_\w*(?:UNKNOWN_CA|DECRYPT_ERROR); the cluster is as it was$/,
  },
]
