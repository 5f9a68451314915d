/**
 * For tests of the API: a key, a signer of our own (after AWS's description, so that two programs have to agree), and an unmodified
 * client of AWS whose requests go straight into the dispatch.
 */
import { createHash, createHmac, randomUUID } from 'node:crypto'
import { ElastiCacheClient } from '@aws-sdk/client-elasticache'
import { createSealer } from '../security/seal.ts'
import type { SignedRequest, Verifier } from '../security/sigv4.ts'
import { type DispatchDependencies, dispatch } from './dispatch.ts'

export const accessKeyId = 'AKIALARDERTESTKEY000'
export const secretAccessKey = 'a-secret/of+tests-0123456789'
export const account = '000000000000'

export const verifierAt = (now: () => number): Verifier => ({
  now,
  keyHolder: async (id) =>
    id === accessKeyId ? { secretAccessKey, account, arn: `arn:aws:iam::${account}:user/test`, userId: 'AIDATEST' } : null,
})

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`)

export const basicTime = (ms: number): string => new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '')

export interface Signing {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
  readonly service: string
  readonly terminator: string
  /** `20261123T053600Z` */
  readonly time: string
  /** The date of the scope, if another than that of the time. */
  readonly date: string
  readonly signedHeaders: readonly string[]
}

export interface Unsigned {
  readonly method: string
  readonly path: string
  readonly query: ReadonlyMap<string, string>
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

const canonicalQuery = (query: ReadonlyMap<string, string>): string =>
  [...query]
    .map(([name, value]) => [encode(name), encode(value)] as const)
    // By name: `=` is behind `%`, so that whole texts would stand in another order.
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')

const signatureOf = (request: Unsigned, signing: Signing, query: ReadonlyMap<string, string>): string => {
  const names = [...signing.signedHeaders].sort()
  const canonical = [
    request.method,
    request.path,
    canonicalQuery(query),
    ...names.map((name) => `${name}:${(request.headers[name] ?? '').trim().replace(/\s+/g, ' ')}`),
    '',
    names.join(';'),
    sha256(request.body),
  ].join('\n')
  const scope = [signing.date, signing.region, signing.service, signing.terminator]
  const text = ['AWS4-HMAC-SHA256', signing.time, scope.join('/'), sha256(canonical)].join('\n')
  const key = scope.reduce<string | Buffer>((before, part) => hmac(before, part), `AWS4${signing.secretAccessKey}`)
  return hmac(key as Buffer, text).toString('hex')
}

const complete = (signing: Partial<Signing>): Signing => {
  const time = signing.time ?? basicTime(Date.now())
  return {
    accessKeyId,
    secretAccessKey,
    region: 'us-east-1',
    service: 'elasticache',
    terminator: 'aws4_request',
    date: time.slice(0, 8),
    signedHeaders: ['host', 'x-amz-date'],
    ...signing,
    time,
  }
}

const credentialOf = (signing: Signing): string =>
  [signing.accessKeyId, signing.date, signing.region, signing.service, signing.terminator].join('/')

const bytes = (body: string | Uint8Array): Uint8Array => (typeof body === 'string' ? Buffer.from(body) : body)

/** Signed in the Authorization header. */
export const signHeader = (request: Partial<Unsigned>, partial: Partial<Signing> = {}): SignedRequest => {
  const signing = complete(partial)
  const headers = { host: 'localhost', 'x-amz-date': signing.time, ...request.headers }
  const whole: Unsigned = { method: 'POST', path: '/', query: new Map(), body: '', ...request, headers }
  const signature = signatureOf(whole, signing, whole.query)
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentialOf(signing)}, SignedHeaders=${signing.signedHeaders.join(';')}, Signature=${signature}`
  return { ...whole, headers: { ...headers, authorization }, body: bytes(whole.body) }
}

/** Signed in the query. `expires`: seconds. */
export const signQuery = (
  request: Partial<Unsigned>,
  partial: Partial<Signing> = {},
  expires: number | string = 900,
): SignedRequest => {
  const signing = complete({ signedHeaders: ['host'], ...partial })
  const headers = { host: 'localhost', ...request.headers }
  const whole: Unsigned = { method: 'GET', path: '/', query: new Map(), body: '', ...request, headers }
  const query = new Map([
    ...whole.query,
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'],
    ['X-Amz-Credential', credentialOf(signing)],
    ['X-Amz-Date', signing.time],
    ['X-Amz-Expires', String(expires)],
    ['X-Amz-SignedHeaders', signing.signedHeaders.join(';')],
  ])
  query.set('X-Amz-Signature', signatureOf(whole, signing, query))
  return { ...whole, query, body: bytes(whole.body) }
}

export const formOf = (parameters: Readonly<Record<string, string>>): string =>
  Object.entries(parameters)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&')

/** What the SDK hands to its transport, as far as it matters here. */
interface HttpRequest {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string | readonly string[] | null>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export const signedRequestOf = (request: HttpRequest): SignedRequest => ({
  method: request.method,
  path: request.path,
  query: new Map(Object.entries(request.query).map(([name, value]) => [name, String(value)])),
  headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value])),
  body: bytes(request.body ?? ''),
})

/** What requests need that are neither audited nor about access keys. */
export const unaudited = { audit: () => undefined, sealer: createSealer(new Uint8Array(32)) }

/** A client without a network between it and the dispatch. It does not try again: each request is one. */
export const clientOf = (dependencies: DispatchDependencies, region = 'us-east-1'): ElastiCacheClient =>
  new ElastiCacheClient({
    region,
    endpoint: 'http://localhost:4566',
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    requestHandler: {
      handle: async (request: HttpRequest) => {
        const received = { request: signedRequestOf(request), requestId: randomUUID(), sourceAddress: '127.0.0.1' }
        const { status, body } = await dispatch(dependencies, received)
        return { response: { statusCode: status, headers: { 'content-type': 'text/xml' }, body: Buffer.from(body) } }
      },
    },
  })
