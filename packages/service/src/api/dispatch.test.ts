import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { Fault } from '../errors.ts'
import type { Caller, SignedRequest } from '../security/sigv4.ts'
import { createMemoryStore } from '../store/memory.ts'
import { dispatch } from './dispatch.ts'
import type { Actions } from './service.ts'
import { testContext } from './services/elasticache/test-context.ts'
import {
  accessKeyId,
  account,
  formOf,
  type Signing,
  secretAccessKey,
  signedRequestOf,
  signHeader,
  signQuery,
  type Unsigned,
  unaudited,
  verifierAt,
} from './testing.ts'

interface Outcome {
  readonly status: number
  readonly body: string
  readonly inputs: readonly object[]
  readonly callers: readonly Caller[]
  readonly logged: readonly unknown[][]
}

const send = async (request: SignedRequest, actions?: Actions): Promise<Outcome> => {
  const inputs: object[] = []
  const callers: Caller[] = []
  const logged: unknown[][] = []
  const context = testContext(createMemoryStore())
  const answer = await dispatch(
    {
      verifier: verifierAt(() => Date.now()),
      actions: actions ?? {
        DescribeEvents: async (input: object) => {
          inputs.push(input)
          return { Events: [] }
        },
      },
      context: (caller) => {
        callers.push(caller)
        return context
      },
      log: (...entry) => logged.push(entry),
      ...unaudited,
    },
    { request, requestId: 'the-id', sourceAddress: '127.0.0.1' },
  )
  return { ...answer, inputs, callers, logged }
}

const formType = 'application/x-www-form-urlencoded'
const version = '2015-02-02'
const post = (body: string | Uint8Array, signing: Partial<Signing> = {}, more: Partial<Unsigned> = {}): SignedRequest =>
  signHeader({ body, headers: { 'content-type': formType }, ...more }, signing)
const ask = (parameters: Readonly<Record<string, string>>, signing: Partial<Signing> = {}): SignedRequest =>
  post(formOf(parameters), signing)

const refusal = ({ status, body }: Outcome): readonly unknown[] => [
  status,
  /<Code>([^<]*)</.exec(body)?.[1],
  /<Message>([^<]*)</.exec(body)?.[1],
]

test('an action gets its input without action and version, and who asks from where', async () => {
  const { status, inputs, callers, logged } = await send(
    ask({ Action: 'DescribeEvents', Version: version, Duration: '5' }, { region: 'eu-north-1' }),
  )
  assert.equal(status, 200)
  assert.deepEqual(inputs, [{ Duration: 5 }])
  assert.equal(callers[0]?.region, 'eu-north-1')
  assert.equal(callers[0]?.account, account)
  assert.deepEqual(logged, [])
})

test('parameters may stand in the query, in the body, or in both, each once', async () => {
  const query = new Map([
    ['Action', 'DescribeEvents'],
    ['Version', version],
  ])
  for (const [request, input] of [
    [signQuery({ query }), {}],
    [signQuery({ query: new Map([...query, ['Duration', '7']]), method: 'POST' }), { Duration: 7 }],
    [signQuery({ query, method: 'POST', body: 'Duration=8', headers: { 'content-type': formType } }), { Duration: 8 }],
    [post('Duration=9', {}, { query }), { Duration: 9 }],
    [post('', {}, { query, headers: {} }), {}],
  ] as const)
    assert.deepEqual((await send(request)).inputs, [input])
  const twice = await send(post('Action=DescribeEvents', {}, { query }))
  assert.deepEqual(refusal(twice), [404, 'MalformedQueryString', 'Expected each parameter once, found Action in query and body.'])
})

test('a body of another type, or in another encoding, is refused', async () => {
  const body = formOf({ Action: 'DescribeEvents', Version: version })
  for (const type of [formType, `${formType}; charset=utf-8`, 'Application/X-WWW-Form-Urlencoded ;charset=UTF-8'])
    assert.equal((await send(post(body, {}, { headers: { 'content-type': type } }))).status, 200, type)
  for (const type of ['application/json', `${formType}x`, `x${formType}`, 'multipart/form-data']) {
    const outcome = await send(post(body, {}, { headers: { 'content-type': type } }))
    assert.deepEqual(refusal(outcome).slice(0, 2), [415, 'UnsupportedMediaType'], type)
  }
  assert.deepEqual(refusal(await send(post(body, {}, { headers: {} }))).slice(0, 2), [415, 'UnsupportedMediaType'])
  for (const bytes of [Buffer.from([0xff, 0xfe]), Buffer.from('A=é', 'latin1'), Buffer.from(body, 'utf16le')])
    assert.deepEqual(refusal(await send(post(bytes))).slice(0, 2), [404, 'MalformedQueryString'])
})

test('an action is named, with its version', async () => {
  const missing = 'The request is missing an action or a required parameter.'
  for (const [parameters, expected] of [
    [{ Version: version }, [400, 'MissingAction', missing]],
    [{ Action: '', Version: version }, [400, 'MissingAction', missing]],
    [{}, [400, 'MissingAction', missing]],
    [
      { Action: 'DescribeEvents' },
      [400, 'InvalidAction', 'Could not find operation DescribeEvents for version NO_VERSION_SPECIFIED'],
    ],
    [
      { Action: 'DescribeEvents', Version: '2014-03-24' },
      [400, 'InvalidAction', 'Could not find operation DescribeEvents for version 2014-03-24'],
    ],
    [
      { Action: 'describeEvents', Version: version },
      [400, 'InvalidAction', 'Could not find operation describeEvents for version 2015-02-02'],
    ],
    [
      { Action: '__proto__', Version: version },
      [400, 'InvalidAction', 'Could not find operation __proto__ for version 2015-02-02'],
    ],
    [
      { Action: 'CreateSnapshot', Version: version },
      [
        400,
        'NotYetImplemented',
        'Larder does not have the operation CreateSnapshot yet; docs/api-coverage.md lists what it has.',
      ],
    ],
  ] as const)
    assert.deepEqual(refusal(await send(ask(parameters))), expected)
})

test('the service of the scope has to be the one of the version, and one that is here', async () => {
  const events = { Action: 'DescribeEvents', Version: version }
  const identity = { Action: 'GetCallerIdentity', Version: '2011-06-15' }
  const scoped = "Credential should be scoped to correct service: 'elasticache'"
  assert.deepEqual(refusal(await send(ask(events, { service: 'sts' }))), [403, 'SignatureDoesNotMatch', `${scoped}, not 'sts'.`])
  assert.deepEqual(refusal(await send(ask(identity))), [
    403,
    'SignatureDoesNotMatch',
    "Credential should be scoped to correct service: 'sts', not 'elasticache'.",
  ])
  const [status, code, message] = refusal(await send(ask({ Action: 'ListQueues', Version: '2012-11-05' }, { service: 'sqs' })))
  assert.deepEqual([status, code], [403, 'SignatureDoesNotMatch'])
  assert.match(
    String(message),
    /^Credential should be scoped to correct service: 'elasticache'\. Larder has elasticache, .* and no sqs\.$/,
  )
  const json = post('{}', { service: 'dynamodb' }, { headers: { 'content-type': 'application/x-amz-json-1.0' } })
  assert.match(String(refusal(await send(json))[2]), /and no dynamodb\.$/)
})

test('a client of STS learns who it is', async () => {
  const client = new STSClient({
    region: 'us-west-2',
    endpoint: 'http://localhost:1',
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    requestHandler: {
      handle: async (request: Parameters<typeof signedRequestOf>[0]) => {
        const { status, body } = await send(signedRequestOf(request))
        return { response: { statusCode: status, headers: {}, body: Buffer.from(body) } }
      },
    },
  })
  const { Account, Arn, UserId } = await client.send(new GetCallerIdentityCommand({}))
  assert.deepEqual({ Account, Arn, UserId }, { Account: account, Arn: `arn:aws:iam::${account}:user/test`, UserId: 'AIDATEST' })
})

test('refusals stand in the namespace of the service that was asked', async () => {
  const sts = await send(ask({ Action: 'AssumeRole', Version: '2011-06-15' }, { service: 'sts' }))
  assert.match(sts.body, /^<ErrorResponse xmlns="https:\/\/sts\.amazonaws\.com\/doc\/2011-06-15\/">.*<RequestId>the-id</)
  const ours = await send(ask({ Action: 'Nothing', Version: version }))
  assert.match(ours.body, /^<ErrorResponse xmlns="http:\/\/elasticache\.amazonaws\.com\/doc\/2015-02-02\/">/)
})

test('a fault that no model knows is a mistake of ours', async () => {
  const act = async (): Promise<never> => {
    throw new Fault('MoonTooBright', 'look')
  }
  const outcome = await send(ask({ Action: 'DescribeEvents', Version: version }), { DescribeEvents: act })
  assert.deepEqual(refusal(outcome).slice(0, 2), [500, 'InternalFailure'])
  assert.doesNotMatch(outcome.body, /Moon|look/)
  assert.equal(outcome.logged.length, 1)
})
