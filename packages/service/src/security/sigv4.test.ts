import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import fc from 'fast-check'
import {
  accessKeyId,
  account,
  basicTime,
  type Signing,
  secretAccessKey,
  signedRequestOf,
  signHeader,
  signQuery,
  type Unsigned,
  verifierAt,
} from '../api/testing.ts'
import { Fault } from '../errors.ts'
import { checkService, type SignedRequest, verifySignature } from './sigv4.ts'

const now = Date.UTC(2026, 10, 23, 7, 30)
const minute = 60_000
const verifier = verifierAt(() => now)
const at = (offset: number): string => basicTime(now + offset)

const header = (request: Partial<Unsigned> = {}, signing: Partial<Signing> = {}): SignedRequest =>
  signHeader(request, { time: at(0), ...signing })
const query = (request: Partial<Unsigned> = {}, signing: Partial<Signing> = {}, expires: number | string = 900): SignedRequest =>
  signQuery(request, { time: at(0), ...signing }, expires)

const refused = async (request: SignedRequest, shape: string, message: RegExp | string): Promise<void> => {
  await assert.rejects(verifySignature(request, verifier), (error: unknown) => {
    assert.ok(error instanceof Fault, String(error))
    assert.equal(error.shape, shape, error.message)
    if (typeof message === 'string') assert.equal(error.message, message)
    else assert.match(error.message, message)
    return true
  })
}

const caller = {
  accessKeyId,
  account,
  arn: `arn:aws:iam::${account}:user/test`,
  userId: 'AIDATEST',
  region: 'us-east-1',
  service: 'elasticache',
}
const wrongSignature =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.'

test('who signed in the header, or in the query, is known, with the scope', async () => {
  assert.deepEqual(await verifySignature(header({ body: 'Action=X' }), verifier), caller)
  assert.deepEqual(await verifySignature(query(), verifier), caller)
  const elsewhere = { region: 'ap-southeast-2', service: 'sts' }
  assert.deepEqual(await verifySignature(header({}, elsewhere), verifier), { ...caller, ...elsewhere })
  assert.deepEqual(await verifySignature(query({ method: 'POST' }, elsewhere), verifier), { ...caller, ...elsewhere })
})

test('a parameter that no signature covers is refused, signed or added', async () => {
  const added = new Map([['__proto__', 'x']])
  await refused(header({ query: added }), 'SignatureDoesNotMatch', /no parameter '__proto__'/)
  const signed = header()
  await refused({ ...signed, query: added }, 'SignatureDoesNotMatch', /no parameter '__proto__'/)
})

test('any query, body and header that is signed is verified as it was signed', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((each) => each.isWellFormed())
  const name = text.filter((each) => each !== '' && each !== '__proto__' && !each.startsWith('X-Amz-'))
  const pairs = fc.uniqueArray(fc.tuple(name, text), { selector: ([each]) => each, maxLength: 5 })
  const value = fc.string({ unit: fc.constantFrom('a', 'B', ' ', '  ', '=', ',', ';', '"', '~'), maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(pairs, fc.uint8Array(), value, async (parameters, body, told) => {
      const request = { query: new Map(parameters), body, headers: { 'user-agent': told, 'x-other': told } }
      const signedHeaders = ['host', 'user-agent', 'x-amz-date', 'x-other']
      assert.deepEqual(await verifySignature(header(request, { signedHeaders }), verifier), caller)
      const presigned = query(request, { signedHeaders: ['host', 'user-agent', 'x-other'] })
      assert.deepEqual(await verifySignature(presigned, verifier), caller)
    }),
    {
      numRuns: 60,
      examples: [
        [
          [
            ['%', ''],
            ['% ', ''],
          ],
          new Uint8Array(),
          '',
        ],
      ],
    },
  )
})

test('a client of AWS is known', async () => {
  const requests: SignedRequest[] = []
  const client = new STSClient({
    region: 'eu-west-3',
    endpoint: 'http://localhost:1',
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    requestHandler: {
      handle: async (request: Parameters<typeof signedRequestOf>[0]) => {
        requests.push(signedRequestOf(request))
        return { response: { statusCode: 200, headers: {}, body: Buffer.from('') } }
      },
    },
  })
  await client.send(new GetCallerIdentityCommand({}))
  const [request] = requests
  assert.ok(request)
  const found = await verifySignature(
    request,
    verifierAt(() => Date.now()),
  )
  assert.deepEqual(found, { ...caller, region: 'eu-west-3', service: 'sts' })
})

test('a request that differs in anything from the signed one is refused', async () => {
  const changes: readonly ((request: SignedRequest) => SignedRequest)[] = [
    (request) => ({ ...request, method: 'PUT' }),
    (request) => ({ ...request, path: '/other' }),
    (request) => ({ ...request, query: new Map([...request.query, ['More', '1']]) }),
    (request) => ({ ...request, body: Buffer.from('Action=Y') }),
    (request) => ({ ...request, headers: { ...request.headers, host: 'elsewhere' } }),
  ]
  for (const change of changes) {
    for (const request of [header({ body: 'Action=X' }), query({ body: 'Action=X' })])
      await refused(change(request), 'SignatureDoesNotMatch', wrongSignature)
  }
  const other = { secretAccessKey: `${secretAccessKey}x` }
  await refused(header({}, other), 'SignatureDoesNotMatch', wrongSignature)
  await refused(query({}, other), 'SignatureDoesNotMatch', wrongSignature)
  const late = query({}, {}, 900)
  const longer = new Map([...late.query, ['X-Amz-Expires', '90000']])
  await refused({ ...late, query: longer }, 'SignatureDoesNotMatch', wrongSignature)
})

test('what is no signature is refused, whatever it looks like', async () => {
  const good = header()
  const authorization = good.headers['authorization'] ?? ''
  for (const signature of ['', 'x', '0'.repeat(64), '0'.repeat(63), '0'.repeat(65), 'é'.repeat(64), 'G'.repeat(64)]) {
    const changed = authorization.replace(/Signature=.*/, `Signature=${signature}`)
    const request = { ...good, headers: { ...good.headers, authorization: changed } }
    if (signature === '') await refused(request, 'IncompleteSignature', /requires 'Signature' parameter/)
    else await refused(request, 'SignatureDoesNotMatch', wrongSignature)
  }
})

test('without a signature the token is missing', async () => {
  const message = 'Request is missing Authentication Token'
  const bare: SignedRequest = { method: 'POST', path: '/', query: new Map(), headers: { host: 'x' }, body: Buffer.from('') }
  await refused(bare, 'MissingAuthenticationToken', message)
  for (const authorization of ['', 'Basic eDp5', 'Bearer x', 'AWS AKIA:sig', 'aws4-hmac-sha256 x'])
    await refused({ ...bare, headers: { authorization } }, 'MissingAuthenticationToken', message)
})

test('a signature with parts missing says which', async () => {
  const good = header()
  const authorization = good.headers['authorization'] ?? ''
  const changed = (text: string): SignedRequest => ({ ...good, headers: { ...good.headers, authorization: text } })
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      authorization.replace(/Credential=[^,]*, /, ''),
      /^Authorization header requires 'Credential' parameter\. Authorization=AWS4/,
    ],
    [authorization.replace(/SignedHeaders=[^,]*, /, ''), /^Authorization header requires 'SignedHeaders' parameter\./],
    [authorization.replace(/, Signature=.*/, ''), /^Authorization header requires 'Signature' parameter\./],
    [
      'AWS4-HMAC-SHA256 a=b',
      /^Authorization header requires 'Credential' parameter\. Authorization header requires 'Signature' parameter\. Authorization header requires 'SignedHeaders' parameter\./,
    ],
    ['AWS4-HMAC-SHA256', /not a valid key=value pair/],
    [
      authorization.replace(', Signature=', ', Signature'),
      /'Signature[0-9a-f]+' not a valid key=value pair \(missing equal-sign\)/,
    ],
    [`${authorization}, Signature=0`, /'Signature' twice/],
    [authorization.replace('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1'), /^Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'/],
    [authorization.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256'), /^Unsupported AWS 'algorithm'/],
    [
      authorization.replace('/aws4_request', ''),
      /^Credential must have exactly 5 slash-delimited elements, .*, got 'AKIA.*elasticache'$/,
    ],
    [authorization.replace('/aws4_request', '/aws4_request/more'), /^Credential must have exactly 5/],
  ]
  for (const [text, message] of cases) await refused(changed(text), 'IncompleteSignature', message)
  const { 'x-amz-date': _, ...headers } = good.headers
  await refused({ ...good, headers }, 'IncompleteSignature', /requires existence of a 'X-Amz-Date' header/)
})

test('a presigned URL with parts missing says which', async () => {
  const good = query()
  const without = (name: string): SignedRequest => ({
    ...good,
    query: new Map([...good.query].filter(([each]) => each !== name)),
  })
  for (const name of ['Algorithm', 'Credential', 'Signature', 'SignedHeaders', 'Date', 'Expires']) {
    const message = `AWS query-string parameters must include 'X-Amz-${name}'. Re-examine the query-string parameters.`
    await refused(without(`X-Amz-${name}`), 'IncompleteSignature', message)
  }
  for (const expires of [0, -1, 604_801, 1.5, 'x', '1e3', '0900', ' 900'])
    await refused(query({}, {}, expires), 'IncompleteSignature', /X-Amz-Expires must be a number of seconds from 1 to 604800/)
  assert.deepEqual(await verifySignature(query({}, {}, 604_800), verifier), caller)
  const algorithm = new Map([...good.query, ['X-Amz-Algorithm', 'AWS4-HMAC-SHA512']])
  await refused({ ...good, query: algorithm }, 'IncompleteSignature', /^Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'/)
})

test('a signature in the header and one in the query together are refused', async () => {
  const both = { ...query(), headers: header().headers }
  await refused(
    both,
    'SignatureDoesNotMatch',
    /^Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header/,
  )
})

test('a time is of ISO 8601 in its basic form', async () => {
  for (const time of ['2026-11-23T07:30:00Z', '20261123', '20261323T073000Z', '20260230T073000Z', '20261123T253000Z', 'now']) {
    await refused(
      header({}, { time }),
      'IncompleteSignature',
      new RegExp(`^Date must be in ISO-8601 'basic format'. Got '${time}'`),
    )
    await refused(query({}, { time }), 'IncompleteSignature', /^Date must be in ISO-8601/)
  }
})

test('clocks may differ by five minutes and no more', async () => {
  for (const offset of [-5 * minute, 5 * minute]) {
    assert.deepEqual(await verifySignature(header({}, { time: at(offset) }), verifier), caller)
  }
  await refused(
    header({}, { time: at(-5 * minute - 1000) }),
    'SignatureDoesNotMatch',
    'Signature expired: 20261123T072459Z is now earlier than 20261123T072500Z (20261123T073000Z - 5 min.)',
  )
  const ahead = 'Signature not yet current: 20261123T073501Z is still later than 20261123T073500Z (20261123T073000Z + 5 min.)'
  await refused(header({}, { time: at(5 * minute + 1000) }), 'SignatureDoesNotMatch', ahead)
  await refused(query({}, { time: at(5 * minute + 1000) }), 'SignatureDoesNotMatch', ahead)
})

test('a presigned URL lives as long as it says', async () => {
  assert.deepEqual(await verifySignature(query({}, { time: at(-60 * minute) }, 3_600), verifier), caller)
  await refused(query({}, { time: at(-60 * minute - 1000) }, 3_600), 'RequestExpired', /it was valid until 20261123T072959Z/)
})

test('the host is signed, and what is signed is there', async () => {
  const host = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
  await refused(header({}, { signedHeaders: ['x-amz-date'] }), 'SignatureDoesNotMatch', host)
  await refused(query({}, { signedHeaders: ['accept'] }), 'SignatureDoesNotMatch', host)
  const good = header()
  for (const name of ['x-missing', '__proto__', 'constructor', '']) {
    const authorization = (good.headers['authorization'] ?? '').replace('=host;', `=host;${name};`)
    const request = { ...good, headers: { ...good.headers, authorization } }
    await refused(request, 'SignatureDoesNotMatch', /^Expected each 'SignedHeader' among/)
  }
  // The time is what makes the signature end: it has to be signed.
  await refused(header({}, { signedHeaders: ['host'] }), 'SignatureDoesNotMatch', wrongSignature)
})

test('the scope has a region, the terminator and the day of the time', async () => {
  const cases: readonly (readonly [Partial<Signing>, string])[] = [
    [{ region: 'nowhere' }, "Credential should be scoped to a valid region, not 'nowhere'."],
    [{ region: '' }, "Credential should be scoped to a valid region, not ''."],
    [{ region: '..' }, "Credential should be scoped to a valid region, not '..'."],
    [{ terminator: 'aws3' }, "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws3'."],
    [
      { date: '20261122' },
      "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20261122' != '20261123', from '20261123T073000Z'.",
    ],
  ]
  for (const [signing, message] of cases) {
    await refused(header({}, signing), 'SignatureDoesNotMatch', message)
    await refused(query({}, signing), 'SignatureDoesNotMatch', message)
  }
  const two = { region: 'x', terminator: 'y' }
  await refused(
    header({}, two),
    'SignatureDoesNotMatch',
    `${cases[0]?.[1].replace('nowhere', 'x')} ${cases[3]?.[1].replace('aws3', 'y')}`,
  )
})

test('the service is the right one', async () => {
  const of = async (service: string) => verifySignature(header({}, { service }), verifier)
  checkService(await of('elasticache'), 'elasticache')
  const wrong = await of('ec2')
  assert.throws(() => checkService(wrong, 'elasticache'), {
    shape: 'SignatureDoesNotMatch',
    message: "Credential should be scoped to correct service: 'elasticache', not 'ec2'.",
  })
})

test('keys that nobody holds, and session tokens, are refused', async () => {
  const message = 'The security token included in the request is invalid.'
  for (const id of ['AKIANOBODY', '__proto__', '', ' ']) {
    await refused(header({}, { accessKeyId: id }), 'InvalidClientTokenId', message)
    await refused(query({}, { accessKeyId: id }), 'InvalidClientTokenId', message)
  }
  const headers = { 'x-amz-security-token': 'token' }
  await refused(
    header({ headers }, { signedHeaders: ['host', 'x-amz-date', 'x-amz-security-token'] }),
    'InvalidClientTokenId',
    message,
  )
  await refused(header({ headers }), 'InvalidClientTokenId', message)
  await refused(query({ query: new Map([['X-Amz-Security-Token', 'token']]) }), 'InvalidClientTokenId', message)
})

test('a hash of the body that is told has to be true', async () => {
  const signedHeaders = ['host', 'x-amz-content-sha256', 'x-amz-date']
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  const told = (hash: string, body: string): SignedRequest =>
    header({ headers: { 'x-amz-content-sha256': hash }, body }, { signedHeaders })
  assert.deepEqual(await verifySignature(told(empty, ''), verifier), caller)
  for (const hash of [empty, 'UNSIGNED-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', ''])
    await refused(told(hash, 'Action=X'), 'SignatureDoesNotMatch', /x-amz-content-sha256 does not match/)
})

test('any text for a signature is refused with a fault and nothing else', async () => {
  const part = fc.constantFrom(
    'AWS4-HMAC-SHA256',
    ' ',
    ',',
    '=',
    'Credential',
    'Signature',
    'SignedHeaders',
    'host',
    ';',
    '/',
    'é',
    'a',
  )
  const text = fc.array(part, { maxLength: 14 }).map((parts) => parts.join(''))
  await fc.assert(
    fc.asyncProperty(text, text, async (authorization, time) => {
      const request: SignedRequest = {
        method: 'POST',
        path: '/',
        query: new Map([['X-Amz-Date', time]]),
        headers: { host: 'x', authorization: `AWS4${authorization}`, 'x-amz-date': time },
        body: Buffer.from(''),
      }
      await assert.rejects(verifySignature(request, verifier), Fault)
    }),
  )
})

test('headers that a signer moved into the query are signed there', async () => {
  for (const name of ['X-Amz-User-Agent', 'x-amz-user-agent', 'X-Amz-Content-Sha256']) {
    const presigned = query({ query: new Map([[name, 'one']]) })
    assert.deepEqual(await verifySignature(presigned, verifier), caller, name)
    const changed = { ...presigned, query: new Map([...presigned.query, [name, 'two']]) }
    await refused(changed, 'SignatureDoesNotMatch', wrongSignature)
  }
})
