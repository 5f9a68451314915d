/** Requests that are not signed, or not as they should be. */
import { accessKeyId, basicTime, formOf, type Signing, signHeader, signQuery } from '../testing.ts'
import { http } from './exchange.ts'
import { formType, signedBody, version, type Wrong } from './wrong-request.ts'

const querySigned = (
  signing: Partial<Signing>,
  expires: number | string,
  change: (query: Map<string, string>) => void = () => {},
): Uint8Array => {
  const request = signQuery(
    {
      query: new Map([
        ['Action', 'DescribeEvents'],
        ['Version', version],
      ]),
    },
    signing,
    expires,
  )
  const query = new Map(request.query)
  change(query)
  return http('GET', `/?${formOf(Object.fromEntries(query))}`, request.headers, '')
}

const minutes = (count: number): Partial<Signing> => ({ time: basicTime(Date.now() + count * 60_000) })
const ask = `Action=DescribeEvents&Version=${version}`
const authorization = (value: string): Uint8Array =>
  http(
    'POST',
    '/',
    { host: 'localhost', 'content-type': formType, 'x-amz-date': basicTime(Date.now()), authorization: value },
    ask,
  )
const scope = (): string => `${accessKeyId}/${basicTime(Date.now()).slice(0, 8)}/us-east-1/elasticache/aws4_request`
const tampered = (change: (headers: Record<string, string>) => void, body = ask): Uint8Array => {
  const request = signHeader(
    { body: ask, headers: { 'content-type': formType } },
    { signedHeaders: ['content-type', 'host', 'x-amz-date'] },
  )
  const headers = { ...request.headers }
  change(headers)
  return http('POST', '/', headers, body)
}

export const wrongSignatures = (): readonly Wrong[] => [
  { name: 'no signature', bytes: http('POST', '/', { host: 'localhost', 'content-type': formType }, ask) },
  { name: 'unsigned GET', bytes: http('GET', `/?${ask}`, { host: 'localhost' }, '') },
  { name: 'unsigned GET of nothing', bytes: http('GET', '/', { host: 'localhost' }, '') },
  ...[
    '',
    'x',
    'Basic YTpi',
    'Bearer x',
    'AWS4',
    'AWS4-HMAC-SHA256',
    'AWS4-HMAC-SHA256 ',
    'AWS4-HMAC-SHA256 x',
    'AWS4-HMAC-SHA256 ,,,',
    'AWS4-HMAC-SHA512 Credential=x',
    'AWS4-ECDSA-P256-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=0',
    'AWS AKIA:sig',
    'AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=',
    'AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=0',
    `AWS4-HMAC-SHA256 Credential=${scope()}, SignedHeaders=host`,
    `AWS4-HMAC-SHA256 Credential=${scope()}, Signature=0`,
    `AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0`,
    `AWS4-HMAC-SHA256 Credential=${scope()}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`,
    `AWS4-HMAC-SHA256 Credential=${scope()}, SignedHeaders=host;x-amz-date, Signature=0`,
    `AWS4-HMAC-SHA256 Credential=${scope()}, SignedHeaders=host;x-amz-date, Signature=<&>`,
    `AWS4-HMAC-SHA256 Credential=${scope()}, SignedHeaders=host;constructor;x-amz-date, Signature=0`,
    `AWS4-HMAC-SHA256 Credential=${scope()}, SignedHeaders=host;__proto__, Signature=0`,
    `AWS4-HMAC-SHA256 Credential=${scope()}, SignedHeaders=;;;, Signature=0`,
    `AWS4-HMAC-SHA256 Credential=${scope()}, SignedHeaders=host;absent, Signature=0`,
    `AWS4-HMAC-SHA256 Credential=${scope()}/more, SignedHeaders=host, Signature=0`,
    `AWS4-HMAC-SHA256 Credential=${scope()}, Credential=${scope()}, SignedHeaders=host, Signature=0`,
    `AWS4-HMAC-SHA256 ${'x'.repeat(8_000)}`,
  ].map((value) => ({ name: `Authorization: ${value.slice(0, 150)}`, bytes: authorization(value) })),
  ...(
    [
      ['an unknown key', { accessKeyId: 'AKIANOBODY0000000000' }],
      ['a key named as a property', { accessKeyId: '__proto__' }],
      ['an empty key', { accessKeyId: '' }],
      ['a wrong secret', { secretAccessKey: 'wrong' }],
      ['the scope of another service', { service: 's3' }],
      ['the scope of STS', { service: 'sts' }],
      ['the scope of no service', { service: '' }],
      ['the scope of a property', { service: 'constructor' }],
      ['the scope of no region', { region: 'the-moon' }],
      ['the scope of an empty region', { region: '' }],
      ['the scope of a property as region', { region: '__proto__' }],
      ['another terminator', { terminator: 'aws5_request' }],
      ['another date', { date: '20200101' }],
      ['a clock that is late', minutes(-6)],
      ['a clock that is early', minutes(6)],
      ['a clock of long ago', { time: '19700101T000000Z' }],
      ['a clock that is none', { time: 'now' }],
      ['a month that is none', { time: `${basicTime(Date.now()).slice(0, 4)}1399T000000Z` }],
      ['a signature without host', { signedHeaders: ['x-amz-date'] }],
      ['a signature without date', { signedHeaders: ['host'] }],
    ] satisfies readonly (readonly [string, Partial<Signing>])[]
  ).map(([name, signing]) => ({ name, bytes: signedBody(ask, signing) })),
  { name: 'another body', bytes: tampered(() => undefined, `${ask}&Duration=1`) },
  {
    name: 'another content type',
    bytes: tampered((headers) => {
      headers['content-type'] = `${formType}; charset=utf-8`
    }),
  },
  {
    name: 'another host',
    bytes: tampered((headers) => {
      headers['host'] = 'elsewhere'
    }),
  },
  {
    name: 'no host',
    bytes: tampered((headers) => {
      delete headers['host']
    }),
  },
  {
    name: 'no date',
    bytes: tampered((headers) => {
      delete headers['x-amz-date']
    }),
  },
  {
    name: 'a session token',
    bytes: tampered((headers) => {
      headers['x-amz-security-token'] = 'token'
    }),
  },
  {
    name: 'the hash of another body',
    bytes: tampered((headers) => {
      headers['x-amz-content-sha256'] = '0'.repeat(64)
    }),
  },
  {
    name: 'UNSIGNED-PAYLOAD',
    bytes: tampered((headers) => {
      headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD'
    }),
  },
  {
    name: 'an added query',
    bytes: http('POST', '/?a=1', signHeader({ body: ask, headers: { 'content-type': formType } }).headers, ask),
  },
  { name: 'presigned: expired', bytes: querySigned(minutes(-16), 900) },
  { name: 'presigned: not yet', bytes: querySigned(minutes(6), 900) },
  ...['', '0', '-1', 'x', '1.5', '604801', '1e3', '0x10', '99999999999999999999'].map((expires) => ({
    name: `presigned: X-Amz-Expires=${expires}`,
    bytes: querySigned({}, expires),
  })),
  ...['X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Expires', 'X-Amz-SignedHeaders', 'X-Amz-Signature', 'X-Amz-Algorithm'].flatMap(
    (name) => [
      { name: `presigned: without ${name}`, bytes: querySigned({}, 900, (query) => query.delete(name)) },
      { name: `presigned: with another ${name}`, bytes: querySigned({}, 900, (query) => query.set(name, 'x')) },
      {
        name: `presigned: with a strange ${name}`,
        bytes: querySigned({}, 900, (query) => query.set(name, '<&>\u0000😀//////;;;;')),
      },
    ],
  ),
  { name: 'presigned: another action', bytes: querySigned({}, 900, (query) => query.set('Action', 'DescribeCacheClusters')) },
  { name: 'presigned: with a token', bytes: querySigned({}, 900, (query) => query.set('X-Amz-Security-Token', 'x')) },
  { name: 'presigned: other service', bytes: querySigned({ service: 'rds' }, 900) },
]
