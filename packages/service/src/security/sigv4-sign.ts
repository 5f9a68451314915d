import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import type { Claim } from './sigv4-claim.ts'
import type { SignedRequest } from './sigv4-request.ts'

type Data = string | ArrayBuffer | ArrayBufferView

const bytesOf = (data: Data): Uint8Array => {
  if (typeof data === 'string') return Buffer.from(data, 'utf8')
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}

/** The form of hash that the signer asks for. */
class NodeSha256 {
  readonly #hash: Hash | Hmac
  constructor(secret?: Data) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }
  update(data: Data): void {
    this.#hash.update(bytesOf(data))
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
  reset(): void {
    throw new TypeError('expected a new hash for each text: this one is used once')
  }
}

/** What the signer puts into a presigned URL itself. Other names with `X-Amz-` are headers that were moved into it, and are signed. */
const addedBySigner: ReadonlySet<string> = new Set([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
])

interface Signer {
  readonly service: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** The headers of a request with its signature among them. */
export const signRequest = async (
  request: { readonly method: string; readonly path: string; readonly headers: Record<string, string>; readonly body: string },
  { service, region, accessKeyId, secretAccessKey }: Signer,
): Promise<Record<string, string>> => {
  const credentials = { accessKeyId, secretAccessKey }
  const signer = new SignatureV4({ service, region, credentials, sha256: NodeSha256 })
  return (await signer.sign({ protocol: 'http:', hostname: 'larder', query: {}, ...request })).headers
}

/** The signature, in hexadecimal, that the holder of this secret would have made for the request in the way that `claim` says. */
export const signAgain = async (
  request: SignedRequest,
  claim: Claim,
  secretAccessKey: string,
  signingDate: Date,
): Promise<string> => {
  const { service, region, accessKeyId } = claim
  const signer = new SignatureV4({
    service,
    region,
    credentials: { accessKeyId, secretAccessKey },
    sha256: NodeSha256,
    applyChecksum: false,
  })
  const signableHeaders = new Set(claim.signedHeaders)
  const again = {
    method: request.method,
    protocol: 'http:',
    hostname: 'larder',
    path: request.path,
    query: Object.fromEntries([...request.query].filter(([name]) => claim.expires === null || !addedBySigner.has(name))),
    headers: Object.fromEntries(claim.signedHeaders.map((name) => [name, request.headers[name] ?? ''])),
    body: request.body,
  }
  if (claim.expires === null) {
    const signed = await signer.sign(again, { signingDate, signableHeaders })
    return /Signature=([0-9a-f]{64})$/.exec(signed.headers['authorization'] ?? '')?.[1] ?? ''
  }
  const options = { signingDate, expiresIn: claim.expires, signableHeaders, unhoistableHeaders: signableHeaders }
  const { query } = await signer.presign(again, options)
  return String(query?.['X-Amz-Signature'] ?? '')
}
