/** Raw conversations by TLS. */
import { connect, createSecureContext, type SecureContext } from 'node:tls'

export interface Place {
  readonly host: string
  readonly port: number
}

const contexts = new Map<string, SecureContext>()

/** For `connect`, instead of `ca`: reading the certificates again for each connection takes as long as half the handshake. */
export const trusting = (ca: string): { readonly secureContext: SecureContext } => {
  const secureContext = contexts.get(ca) ?? createSecureContext({ ca })
  contexts.set(ca, secureContext)
  return { secureContext }
}

/** All that is answered until the other side ends the connection. */
export const askTls = (place: Place, ca: string, text: string | Buffer): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ ...place, ...trusting(ca) }, () => socket.write(text))
    let answer = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk
    })
    socket.setTimeout(5_000, () => socket.destroy(new Error(`${place.host} does not end the connection; so far: ${answer}`)))
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })

/** Serial number of the certificate that is shown there. */
export const serialOf = (place: Place, ca: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ ...place, ...trusting(ca) }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
