/**
 * Verifies signatures, version 4: in the Authorization header or in the query. The signature is made again from the request with the
 * well-kept signer of AWS's SDK and compared; what it does not do (scope, clock, comparison in constant time) is done here.
 * Wording and codes: what AWS's services answer.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import { Fault } from '../errors.ts'
import { isRegion } from '../model/zones.ts'

export interface SignedRequest {
  readonly method: string
  readonly path: string
  readonly query: ReadonlyMap<string, string>
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface KeyHolder {
  readonly secretAccessKey: string
  readonly account: string
  readonly arn: string
  readonly userId: string
}

export interface Caller {
  readonly accessKeyId: string
  readonly account: string
  readonly arn: string
  readonly userId: string
  readonly region: string
  readonly service: string
}

export interface Verifier {
  /** Null for a key that does not exist. */
  readonly keyHolder: (accessKeyId: string) => Promise<KeyHolder | null>
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const algorithm = 'AWS4-HMAC-SHA256'
const skewMs = 5 * 60 * 1000
const longestPresigned = 7 * 24 * 3600

type Data = string | ArrayBuffer | ArrayBufferView

/** The form of hash that the signer asks for. */
class NodeSha256 {
  readonly #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>
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
    throw new TypeError('a hash is used once')
  }
}

const bytesOf = (data: Data): Uint8Array => {
  if (typeof data === 'string') return Buffer.from(data, 'utf8')
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data)
}

const mismatch = (message: string): Fault => new Fault('SignatureDoesNotMatch', message)
const doesNotMatch = (): Fault =>
  mismatch(
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
  )

interface Claim {
  readonly accessKeyId: string
  readonly date: string
  readonly region: string
  readonly service: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** `20261123T053600Z` */
  readonly time: string
  /** Seconds; null for the header form. */
  readonly expires: number | null
}

const parseCredential = (credential: string): Pick<Claim, 'accessKeyId' | 'date' | 'region' | 'service'> => {
  const [accessKeyId, date, region, service, terminator, ...rest] = credential.split('/')
  if (
    accessKeyId === undefined ||
    date === undefined ||
    region === undefined ||
    service === undefined ||
    terminator === undefined ||
    rest.length > 0
  ) {
    throw new Fault(
      'IncompleteSignature',
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${credential.slice(0, 200)}'`,
    )
  }
  if (terminator !== 'aws4_request') {
    throw mismatch(`Credential should be scoped with a valid terminator: 'aws4_request', not '${terminator.slice(0, 60)}'.`)
  }
  return { accessKeyId, date, region, service }
}

const fromHeader = (request: SignedRequest, authorization: string): Claim => {
  const parts = new Map<string, string>()
  for (const part of authorization.slice(algorithm.length).split(',')) {
    const at = part.indexOf('=')
    if (at > 0) parts.set(part.slice(0, at).trim(), part.slice(at + 1).trim())
  }
  const time = request.headers['x-amz-date'] ?? ''
  const missing = ['Credential', 'Signature', 'SignedHeaders']
    .filter((name) => !parts.get(name))
    .map((name) => `Authorization header requires '${name}' parameter.`)
  if (time === '') missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
  if (missing.length > 0)
    throw new Fault('IncompleteSignature', `${missing.join(' ')} Authorization=${authorization.slice(0, 60)}`)
  return {
    ...parseCredential(parts.get('Credential') ?? ''),
    signedHeaders: (parts.get('SignedHeaders') ?? '').toLowerCase().split(';'),
    signature: parts.get('Signature') ?? '',
    time,
    expires: null,
  }
}

const fromQuery = (query: ReadonlyMap<string, string>): Claim => {
  const missing = ['X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-SignedHeaders', 'X-Amz-Signature'].filter(
    (name) => !query.get(name),
  )
  if (missing.length > 0)
    throw new Fault(
      'IncompleteSignature',
      `AWS query-string parameters must include ${missing.map((name) => `'${name}'`).join(', ')}.`,
    )
  const expires = Number(query.get('X-Amz-Expires'))
  if (!Number.isInteger(expires) || expires < 1 || expires > longestPresigned) {
    throw new Fault(
      'IncompleteSignature',
      `X-Amz-Expires must be a number of seconds between 1 and ${longestPresigned}, found ${query.get('X-Amz-Expires')?.slice(0, 60)}`,
    )
  }
  return {
    ...parseCredential(query.get('X-Amz-Credential') ?? ''),
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').toLowerCase().split(';'),
    signature: query.get('X-Amz-Signature') ?? '',
    time: query.get('X-Amz-Date') ?? '',
    expires,
  }
}

const readClaim = (request: SignedRequest): Claim => {
  const authorization = request.headers['authorization']
  if (authorization !== undefined) {
    if (authorization.startsWith(`${algorithm} `)) return fromHeader(request, authorization)
    if (authorization.startsWith('AWS4'))
      throw new Fault('IncompleteSignature', `Unsupported AWS 'algorithm': '${authorization.split(' ')[0]?.slice(0, 60)}'.`)
    throw new Fault('MissingAuthenticationToken', 'Missing Authentication Token')
  }
  if (request.query.get('X-Amz-Algorithm') === algorithm) return fromQuery(request.query)
  throw new Fault('MissingAuthenticationToken', 'Request is missing Authentication Token')
}

const parseTime = (text: string): Date => {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  const time =
    match === null ? Number.NaN : Date.parse(`${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}Z`)
  if (Number.isNaN(time)) {
    throw new Fault(
      'IncompleteSignature',
      `Date must be in ISO-8601 'basic format'. Got '${text.slice(0, 60)}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    )
  }
  return new Date(time)
}

const basic = (ms: number): string => new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '')

const checkTime = (claim: Claim, time: Date, now: number): void => {
  const from = time.getTime()
  if (claim.time.slice(0, 8) !== claim.date) {
    throw mismatch(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${claim.date.slice(0, 20)}' != '${claim.time.slice(0, 8)}', from '${claim.time}'.`,
    )
  }
  if (from > now + skewMs) {
    throw mismatch(`Signature not yet current: ${claim.time} is still later than ${basic(now + skewMs)} (${basic(now)} + 5 min.)`)
  }
  if (claim.expires === null && from < now - skewMs) {
    throw mismatch(`Signature expired: ${claim.time} is now earlier than ${basic(now - skewMs)} (${basic(now)} - 5 min.)`)
  }
  if (claim.expires !== null && from + claim.expires * 1000 < now)
    throw new Fault('RequestExpired', `Request has expired: it was valid until ${basic(from + claim.expires * 1000)}.`)
}

/** The signer asks for the payload's hash in this header where it is given: it has to be the true one. */
const checkBodyHash = (request: SignedRequest): void => {
  const claimed = request.headers['x-amz-content-sha256']
  if (claimed === undefined) return
  if (claimed !== createHash('sha256').update(request.body).digest('hex'))
    throw mismatch("The value passed in for x-amz-content-sha256 does not match the hash of the request's content.")
}

const signAgain = async (request: SignedRequest, claim: Claim, secretAccessKey: string, time: Date): Promise<string> => {
  const signer = new SignatureV4({
    service: claim.service,
    region: claim.region,
    credentials: { accessKeyId: claim.accessKeyId, secretAccessKey },
    sha256: NodeSha256,
    applyChecksum: false,
  })
  const headers = Object.fromEntries(
    claim.signedHeaders.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, request.headers[name]]])),
  )
  const query = Object.fromEntries([...request.query].filter(([name]) => !name.startsWith('X-Amz-')))
  const shape = {
    method: request.method,
    protocol: 'http:',
    hostname: 'larder',
    path: request.path,
    query,
    headers,
    body: request.body,
  }
  const signableHeaders = new Set(claim.signedHeaders)
  if (claim.expires === null) {
    const signed = await signer.sign(shape, { signingDate: time, signableHeaders })
    return /Signature=([0-9a-f]+)/.exec(signed.headers['authorization'] ?? '')?.[1] ?? ''
  }
  const signed = await signer.presign(shape, {
    signingDate: time,
    expiresIn: claim.expires,
    signableHeaders,
    unhoistableHeaders: signableHeaders,
  })
  return String(signed.query?.['X-Amz-Signature'] ?? '')
}

const same = (a: string, b: string): boolean => {
  const left = createHash('sha256').update(a).digest()
  const right = createHash('sha256').update(b).digest()
  return timingSafeEqual(left, right)
}

/** Who signed this request. Throws a `Fault` as AWS would answer. */
export const verifySignature = async (request: SignedRequest, verifier: Verifier): Promise<Caller> => {
  const claim = readClaim(request)
  const time = parseTime(claim.time)
  if (!isRegion(claim.region)) throw mismatch('Credential should be scoped to a valid region.')
  if (!claim.signedHeaders.includes('host'))
    throw mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
  const absent = claim.signedHeaders.find((name) => request.headers[name] === undefined)
  if (absent !== undefined) throw mismatch(`The header ${absent.slice(0, 60)} is signed but not in the request.`)
  checkTime(claim, time, verifier.now())
  const hasToken = request.headers['x-amz-security-token'] !== undefined || request.query.has('X-Amz-Security-Token')
  const holder = hasToken ? null : await verifier.keyHolder(claim.accessKeyId)
  if (holder === null) throw new Fault('InvalidClientTokenId', 'The security token included in the request is invalid.')
  checkBodyHash(request)
  if (!same(await signAgain(request, claim, holder.secretAccessKey, time), claim.signature)) throw doesNotMatch()
  const { account, arn, userId } = holder
  return { accessKeyId: claim.accessKeyId, account, arn, userId, region: claim.region, service: claim.service }
}

/** Throws unless the signature was made for this service. */
export const checkService = (caller: Caller, expected: string): void => {
  if (caller.service !== expected) throw mismatch(`Credential should be scoped to correct service: '${expected}'.`)
}
