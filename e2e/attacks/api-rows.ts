/** Attacks on the API: requests of somebody who has seen a signed one, and has no key. */

import { http } from '../../packages/service/src/api/testing/exchange.ts'
import {
  basicTime,
  formOf,
  accessKeyId as otherKey,
  type Signing,
  signHeader,
  signQuery,
} from '../../packages/service/src/api/testing.ts'
import type { SignedRequest } from '../../packages/service/src/security/sigv4.ts'
import type { Attack } from './table.ts'

export interface ApiTarget {
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Status and error code of each answer on one connection: `403 SignatureDoesNotMatch`. */
  readonly send: (bytes: Uint8Array) => Promise<string>
  /** Who stands in the audit log. */
  readonly audited: () => string
}

const version = '2015-02-02'
const formType = 'application/x-www-form-urlencoded'
const ask = formOf({ Action: 'DescribeEvents', Version: version })
const other = formOf({ Action: 'CreateCacheSubnetGroup', Version: version, CacheSubnetGroupName: 'broken-in' })
const signedHeaders = ['content-type', 'host', 'x-amz-date']

/** A request as it was seen on the wire. */
const captured = ({ keys }: ApiTarget, signing: Partial<Signing> = {}, body = ask): SignedRequest =>
  signHeader({ body, headers: { 'content-type': formType } }, { ...keys, signedHeaders, ...signing })

const presigned = (
  { keys }: ApiTarget,
  signing: Partial<Signing> = {},
  expires = 900,
  action = 'DescribeEvents',
): SignedRequest =>
  signQuery({ query: new Map(Object.entries({ Action: action, Version: version })) }, { ...keys, ...signing }, expires)

const bytesOf = ({ method, headers, body }: SignedRequest, target = '/'): Uint8Array => http(method, target, headers, body)
const queryOf = (request: SignedRequest): string => `/?${formOf(Object.fromEntries(request.query))}`
const at = (seconds: number): string => basicTime(Date.now() + seconds * 1000)

type Headers = Record<string, string>

const set =
  (name: string, value: string) =>
  (headers: Headers): void => {
    headers[name] = value
  }

/** The captured request with its headers, or its body, changed afterwards. */
const altered =
  (change: (headers: Headers) => void, body?: string): Attack<ApiTarget>['how'] =>
  (target) => {
    const request = captured(target)
    const headers = { ...request.headers }
    change(headers)
    return target.send(http('POST', '/', headers, body ?? request.body))
  }

const replaced = (what: RegExp | string, by: string): Attack<ApiTarget>['how'] =>
  altered((headers) => {
    const before = headers['authorization'] ?? ''
    headers['authorization'] = before.replace(what, by)
    if (headers['authorization'] === before) throw new Error(`expected ${what} in ${before}`)
  })

const signedBy =
  (signing: Partial<Signing>): Attack<ApiTarget>['how'] =>
  (target) =>
    target.send(bytesOf(captured(target, signing)))

const asPresigned =
  (
    change: (query: Map<string, string>, target: ApiTarget) => void,
    signing: Partial<Signing> = {},
    expires = 900,
  ): Attack<ApiTarget>['how'] =>
  (target) => {
    const request = presigned(target, signing, expires)
    const query = new Map(request.query)
    change(query, target)
    return target.send(bytesOf(request, queryOf({ ...request, query })))
  }

/** Text of a request that is not made by any client, with a captured body and headers. */
const raw =
  (head: string, body = ''): Attack<ApiTarget>['how'] =>
  (target) => {
    const { headers } = captured(target)
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    return target.send(Buffer.from(`POST / HTTP/1.1\r\n${lines.join('')}${head}\r\n${body}`, 'latin1'))
  }

const chunked = `${ask.length.toString(16)}\r\n${ask}\r\n0\r\n\r\n`
const unsigned = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${formType}\r\nContent-Length: ${other.length}\r\n\r\n${other}`
const wrong = /^403 SignatureDoesNotMatch$/
const missing = /^403 MissingAuthenticationToken$/
const row = (name: string, must: RegExp, how: Attack<ApiTarget>['how']): Attack<ApiTarget> => ({ name, how, must })

const alterations: readonly Attack<ApiTarget>[] = [
  row(
    'another action under a captured signature',
    wrong,
    altered(() => undefined, other),
  ),
  row(
    'one byte more in the body',
    wrong,
    altered(() => undefined, `${ask}&`),
  ),
  row(
    'one parameter more in the body',
    wrong,
    altered(() => undefined, `${ask}&Duration=5`),
  ),
  row('an empty body', wrong, altered(set('content-length', '0'), '')),
  row('one digit of the signature', wrong, (target) => {
    const { headers, ...request } = captured(target)
    const authorization = (headers['authorization'] ?? '').replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    return target.send(bytesOf({ ...request, headers: { ...headers, authorization } }))
  }),
  row('the signature of another request', wrong, (target) => {
    const { authorization = '' } = captured(target, {}, other).headers
    return target.send(bytesOf({ ...captured(target), headers: { ...captured(target).headers, authorization } }))
  }),
  row('half a signature', wrong, replaced(/(Signature=.{32}).*/, '$1')),
  row('a signature of zeros', wrong, replaced(/Signature=.*/, `Signature=${'0'.repeat(64)}`)),
  row('another content type', wrong, altered(set('content-type', `${formType};charset=utf-8`))),
  row('another host', wrong, altered(set('host', 'elsewhere'))),
  row('a date that is a minute later', wrong, altered(set('x-amz-date', at(60)))),
  row('a date of the second header', /^4/, altered(set('X-Amz-Date', at(-400)))),
  row('a signed header taken out of the list', wrong, replaced('content-type;host', 'host')),
  row('a header put into the list', wrong, replaced('host;x-amz-date', 'content-length;host;x-amz-date')),
  row('no host in the list', wrong, replaced('content-type;host;', 'content-type;')),
  row(
    'an empty list',
    /^4\d\d (?:SignatureDoesNotMatch|IncompleteSignature)$/,
    replaced(/SignedHeaders=[^,]*/, 'SignedHeaders='),
  ),
  row(
    'a signed header taken away',
    wrong,
    altered((headers) => delete headers['content-type']),
  ),
  row('the hash of another body', wrong, altered(set('x-amz-content-sha256', '0'.repeat(64)), other)),
  row('UNSIGNED-PAYLOAD', wrong, altered(set('x-amz-content-sha256', 'UNSIGNED-PAYLOAD'), other)),
  row('a session token added', /^403 InvalidClientTokenId$/, altered(set('x-amz-security-token', 'x'))),
  row('a query added', wrong, (target) => target.send(bytesOf(captured(target), '/?Duration=5'))),
  row('an action in the query over that of the body', wrong, (target) => target.send(bytesOf(captured(target), `/?${other}`))),
  row('the body as a query', wrong, (target) => target.send(http('GET', `/?${ask}`, captured(target).headers, ''))),
  row('another method', /^4/, (target) => target.send(http('PUT', '/', captured(target).headers, ask))),
  row('another path', /^4/, (target) => target.send(bytesOf(captured(target), '/2015-02-02/'))),
]

const scopes: readonly Attack<ApiTarget>[] = [
  row('the scope of another day', wrong, replaced(/Credential=([^/]*)\/\d{8}/, 'Credential=$1/20200101')),
  row('the scope of another region', wrong, replaced('us-east-1', 'us-west-2')),
  row('the scope of no region', wrong, signedBy({ region: 'the-moon' })),
  row('the scope of another service', wrong, replaced('/elasticache/', '/sts/')),
  row('a signature for another service', /^4/, signedBy({ service: 'sts' })),
  row('a signature for S3', wrong, signedBy({ service: 's3' })),
  row('a signature for no service', /^403/, signedBy({ service: '' })),
  row('another terminator', wrong, signedBy({ terminator: 'aws5_request' })),
  row('a request of six minutes ago, sent again', wrong, signedBy({ time: at(-360) })),
  row('a request from the future', wrong, signedBy({ time: at(360) })),
  row('a request of another century', wrong, signedBy({ time: '19700101T000000Z' })),
  row('an unknown key', /^403 InvalidClientTokenId$/, signedBy({ accessKeyId: otherKey })),
  row('the name of a property as a key', /^403 InvalidClientTokenId$/, signedBy({ accessKeyId: '__proto__' })),
  row('a known key with another secret', wrong, signedBy({ secretAccessKey: 'guessed' })),
  row('a known key with an empty secret', wrong, signedBy({ secretAccessKey: '' })),
  row('a known key with the word undefined as its secret', wrong, signedBy({ secretAccessKey: 'undefined' })),
  row('a known key as its own secret', wrong, (target) =>
    target.send(bytesOf(captured(target, { secretAccessKey: target.keys.accessKeyId }))),
  ),
]

const presignedRows: readonly Attack<ApiTarget>[] = [
  row(
    'presigned: over',
    /^4\d\d RequestExpired$/,
    asPresigned(() => undefined, { time: at(-901) }),
  ),
  row(
    'presigned: over, with a longer time put in',
    wrong,
    asPresigned((query) => query.set('X-Amz-Expires', '604800'), { time: at(-901) }),
  ),
  row(
    'presigned: over, with a later date put in',
    wrong,
    asPresigned((query) => query.set('X-Amz-Date', at(0)), { time: at(-901) }),
  ),
  row(
    'presigned: for longer than a week',
    /^400 IncompleteSignature$/,
    asPresigned(() => undefined, {}, 604_801),
  ),
  row(
    'presigned: from the future',
    wrong,
    asPresigned(() => undefined, { time: at(360) }),
  ),
  row(
    'presigned: another action',
    wrong,
    asPresigned((query) => query.set('Action', 'DescribeCacheClusters')),
  ),
  row(
    'presigned: another key',
    wrong,
    asPresigned((query, { keys }) =>
      query.set('X-Amz-Credential', `${keys.accessKeyId}/20200101/us-east-1/elasticache/aws4_request`),
    ),
  ),
  row(
    'presigned: a parameter more',
    wrong,
    asPresigned((query) => query.set('Duration', '5')),
  ),
  row(
    'presigned: a token added',
    /^403 InvalidClientTokenId$/,
    asPresigned((query) => query.set('X-Amz-Security-Token', 'x')),
  ),
  row(
    'presigned: without a signature',
    /^400 IncompleteSignature$/,
    asPresigned((query) => query.delete('X-Amz-Signature')),
  ),
  row('presigned: for GET, sent as POST with a body', wrong, (target) => {
    const request = presigned(target)
    return target.send(http('POST', queryOf(request), { ...request.headers, 'content-type': formType }, other))
  }),
  row('presigned and signed at once', wrong, (target) => {
    const { authorization = '' } = captured(target).headers
    const request = presigned(target)
    return target.send(http('GET', queryOf(request), { ...request.headers, authorization }, ''))
  }),
]

const unsignedRows: readonly Attack<ApiTarget>[] = [
  row('no signature', missing, (target) => target.send(Buffer.from(unsigned))),
  row('no signature, in the query', missing, (target) => target.send(http('GET', `/?${other}`, { host: 'localhost' }, ''))),
  row('a page of another site in a browser', missing, (target) =>
    target.send(http('POST', '/', { host: 'evil.example', origin: 'http://evil.example', 'content-type': formType }, other)),
  ),
  row('Basic', missing, altered(set('authorization', 'Basic cm9vdDpyb290'))),
  row('Bearer', missing, altered(set('authorization', 'Bearer x'))),
  row('signature version 2', missing, (target) =>
    target.send(
      http(
        'GET',
        `/?${other}&AWSAccessKeyId=${target.keys.accessKeyId}&SignatureVersion=2&Signature=x`,
        { host: 'localhost' },
        '',
      ),
    ),
  ),
  row('signature version 4a', /^400 IncompleteSignature$/, replaced('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256')),
  row('two headers with a signature, the first a bad one', /^400 MalformedInput$/, (target) => {
    const { headers } = captured(target)
    const bad = (headers['authorization'] ?? '').replace(/Signature=.*/, `Signature=${'0'.repeat(64)}`)
    return target.send(http('POST', '/', { Authorization: bad, ...headers }, ask))
  }),
]

/** Whoever has a key may not confuse it either. */
const confusions: readonly Attack<ApiTarget>[] = [
  row('a parameter twice', /^4\d\d MalformedQueryString$/, (target) =>
    target.send(bytesOf(captured(target, {}, `${ask}&Action=DescribeCacheClusters`))),
  ),
  row('a parameter in query and body', /^4\d\d MalformedQueryString$/, (target) => {
    const request = signHeader(
      { body: ask, query: new Map([['Action', 'DescribeCacheClusters']]), headers: { 'content-type': formType } },
      { ...target.keys, signedHeaders },
    )
    return target.send(bytesOf(request, '/?Action=DescribeCacheClusters'))
  }),
  row('an action named as a property', /^400 InvalidAction$/, (target) =>
    target.send(bytesOf(captured(target, {}, formOf({ Action: 'constructor', Version: version })))),
  ),
  row('markup in the name of an action', /^400 InvalidAction$/, (target) =>
    target.send(bytesOf(captured(target, {}, formOf({ Action: '</Message><Code>x', Version: version })))),
  ),
  row('a body of more than a megabyte', /^413 RequestEntityTooLarge$/, (target) =>
    target.send(bytesOf(captured(target, {}, `${ask}&x=${'x'.repeat(1024 ** 2)}`))),
  ),
  row('more than four thousand parameters', /^4\d\d MalformedQueryString$/, (target) =>
    target.send(bytesOf(captured(target, {}, `${ask}&${Array.from({ length: 4_001 }, (_, index) => `a${index}=`).join('&')}`))),
  ),
  row('headers of forty kilobytes', /^4/, altered(set('x-more', 'x'.repeat(40_000)))),
]

/** Whatever is answered first, a second request that hides in it is read as unsigned, or not at all. */
const smuggling: readonly Attack<ApiTarget>[] = [
  row('an unsigned request behind a signed one', /^200 - 403 MissingAuthenticationToken$/, (target) =>
    target.send(Buffer.concat([bytesOf(captured(target)), Buffer.from(unsigned)])),
  ),
  row('a length and chunks', /^4/, raw(`Content-Length: ${ask.length}\r\nTransfer-Encoding: chunked\r\n`, chunked + unsigned)),
  row(
    'two lengths',
    /^4/,
    raw(`Content-Length: ${ask.length}\r\nContent-Length: ${ask.length + unsigned.length}\r\n`, ask + unsigned),
  ),
  row('a length with a sign', /^4/, raw(`Content-Length: +${ask.length}\r\n`, ask)),
  row('chunks under an unknown name', /^4/, raw('Transfer-Encoding: xchunked\r\n', chunked + unsigned)),
  row('chunks that are not the last encoding', /^4/, raw('Transfer-Encoding: chunked, identity\r\n', chunked + unsigned)),
  row('a space before the colon', /^4/, raw(`Content-Length : ${ask.length}\r\n`, ask)),
  row(
    'a header folded over two lines',
    /^4/,
    raw(`X-More: a\r\n Transfer-Encoding: chunked\r\nContent-Length: ${ask.length}\r\n`, ask),
  ),
  row('a bare line feed in the headers', /^4/, raw(`X-More: a\nContent-Length: ${ask.length}\r\n`, ask)),
  row('a chunk with a length that is none', /^4/, raw('Transfer-Encoding: chunked\r\n', `0x${chunked}`)),
  row('a body behind a length of zero', wrong, raw('Content-Length: 0\r\n', '')),
]

/** Many calls of somebody without a key, among two of somebody who has one. */
const flooding: readonly Attack<ApiTarget>[] = [
  {
    name: 'calls without a key that are to push others out of the audit',
    how: async (target) => {
      await target.send(bytesOf(captured(target)))
      const before = target.audited()
      const stranger = http('POST', '/', { host: 'localhost', 'content-type': formType }, ask)
      // Who asks too much without a key may find his connection closed, and asks on by another.
      const many = Buffer.concat(Array.from({ length: 50 }, () => stranger))
      for (let turn = 0; turn < 20; turn += 1) await target.send(many).catch(() => undefined)
      const after = target.audited()
      return after === before ? 'nothing was added' : after.slice(before.length)
    },
    must: /^nothing was added$/,
  },
]

const get =
  (path: string, ...headers: readonly string[]): Attack<ApiTarget>['how'] =>
  (target) =>
    target.send(Buffer.from(`GET ${path} HTTP/1.1\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`, 'latin1'))

const local = 'Host: localhost'
/** What needs no signature is told to nobody whose browser was made to ask, nor to a page of his. */
const rebinding: readonly Attack<ApiTarget>[] = [
  ...['/metrics', '/health'].flatMap((path) => [
    row(
      `${path} under a name that was let to resolve to this machine`,
      /^403 AccessDenied$/,
      get(path, 'Host: rebound.example.org'),
    ),
    row(`${path} under a name that begins like ours`, /^403 AccessDenied$/, get(path, 'Host: localhost.example.org:4566')),
    row(`${path} under no name`, /^403 AccessDenied$/, get(path, 'Host: ')),
    row(`${path} under two names`, /^400 MalformedInput$/, get(path, local, 'Host: rebound.example.org')),
    row(`${path} under a name in the first line`, /^403 AccessDenied$/, get(`http://rebound.example.org${path}`, local)),
    row(`${path} for a page of another origin`, /^403 AccessDenied$/, get(path, local, 'Origin: https://example.org')),
    row(`${path} for a page of another site`, /^403 AccessDenied$/, get(path, local, 'Sec-Fetch-Site: cross-site')),
    row(`${path} for a page of another port`, /^403 AccessDenied$/, get(path, local, 'Sec-Fetch-Site: same-site')),
  ]),
]

export const apiAttacks: readonly Attack<ApiTarget>[] = [
  ...alterations,
  ...scopes,
  ...presignedRows,
  ...unsignedRows,
  ...confusions,
  ...smuggling,
  ...flooding,
  ...rebinding,
]
