/** The settings, and what the API answers. That Larder takes the signature is shown in e2e/library.test.ts. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type CacheErrorCode, isCacheError } from '../errors.ts'
import { awsSigner } from '../testing/aws-signer.ts'
import { type FindOptions, findReplicationGroup } from './elasticache.ts'

interface Asked {
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** Answers with that, once. */
const api = async (status: number, xml: string) => {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      asked.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
      response.writeHead(status, { 'content-type': 'text/xml', connection: 'close' }).end(xml)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    asked,
    endpoint: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  }
}

const place = (name: string, address: string) => `<${name}><Address>${address}</Address><Port>6380</Port></${name}>`
const answer = (inner: string) =>
  `<R><DescribeReplicationGroupsResult><ReplicationGroups><ReplicationGroup><Status>creating</Status>${inner}</ReplicationGroup></ReplicationGroups></DescribeReplicationGroupsResult></R>`
const env = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'a secret/key+', AWS_DEFAULT_REGION: 'eu-west-1' }
const cmd = place('PrimaryEndpoint', 'primary') + place('ReaderEndpoint', 'reader')

test('endpoints are those of the kind of group, with TLS where it has it, and replicas where they are asked for', async () => {
  const tls = '<TransitEncryptionEnabled>true</TransitEncryptionEnabled>'
  const rows: readonly (readonly [string, Partial<FindOptions>, object])[] = [
    [cmd, {}, { url: 'redis://primary:6380' }],
    [cmd + tls, { readFrom: 'replicas' }, { url: 'rediss://primary:6380', readFrom: { url: 'rediss://reader:6380' } }],
    [place('ConfigurationEndpoint', 'cfg') + tls, {}, { url: 'rediss://cfg:6380' }],
    [place('ConfigurationEndpoint', 'cfg'), { readFrom: 'replicas' }, { url: 'redis://cfg:6380', readFrom: 'replicas' }],
  ]
  for (const [inner, options, expected] of rows) {
    await using server = await api(200, answer(inner))
    const found = await findReplicationGroup({
      replicationGroupId: 'orders',
      env: { ...env, AWS_ENDPOINT_URL: server.endpoint },
      ...options,
    })
    assert.deepEqual(found, expected)
  }
})

test('the request is signed as AWS’s own signer does, with and without a session', async () => {
  for (const sessionToken of [undefined, 'a/session+token==']) {
    await using server = await api(200, answer(cmd))
    const keys = { accessKeyId: 'AKID', secretAccessKey: 'secret', ...(sessionToken === undefined ? {} : { sessionToken }) }
    await findReplicationGroup({
      replicationGroupId: 'a b&c',
      region: 'eu-west-1',
      endpoint: server.endpoint,
      keys: async () => keys,
      env: {},
    })
    const [{ headers, body } = { headers: {}, body: '' }] = server.asked
    assert.equal(body, 'Action=DescribeReplicationGroups&ReplicationGroupId=a+b%26c&Version=2015-02-02')
    const signer = awsSigner('eu-west-1', keys)
    const time = String(headers['x-amz-date'])
    const moment = `${time.slice(0, 4)}-${time.slice(4, 6)}-${time.slice(6, 11)}:${time.slice(11, 13)}:${time.slice(13)}`
    const signed = await signer.sign(
      {
        method: 'POST',
        protocol: 'http:',
        hostname: '127.0.0.1',
        path: '/',
        headers: { host: String(headers.host), 'content-type': String(headers['content-type']) },
        body,
      },
      { signingDate: new Date(moment), unsignableHeaders: new Set(['x-amz-content-sha256']) },
    )
    const signatureOf = (text: unknown) => /SignedHeaders=([^,]+)/.exec(String(text))?.[1]
    assert.equal(signatureOf(headers.authorization), signatureOf(signed.headers['authorization']))
    assert.equal(headers.authorization, signed.headers['authorization'])
  }
})

test('what is missing, refused, not there yet, or does not answer is told', async () => {
  const rejects = async (options: Partial<FindOptions>, code: CacheErrorCode, message: RegExp): Promise<void> => {
    await assert.rejects(
      findReplicationGroup({ replicationGroupId: 'orders', env, ...options }),
      (error: unknown) => isCacheError(error, code) && message.test(error.message),
    )
  }
  await rejects({ env: { ...env, AWS_DEFAULT_REGION: undefined } }, 'usage', /region, or AWS_REGION/)
  await rejects({ env: { ...env, AWS_SECRET_ACCESS_KEY: '' } }, 'usage', /AWS_SECRET_ACCESS_KEY/)
  await rejects({ replicationGroupId: '' }, 'usage', /replicationGroupId/)
  await rejects({ endpoint: 'nowhere' }, 'usage', /nowhere/)
  const error =
    '<ErrorResponse><Error><Code>ReplicationGroupNotFoundFault</Code><Message>orders is not here</Message></Error></ErrorResponse>'
  {
    await using server = await api(404, error)
    await rejects({ endpoint: server.endpoint }, 'refused', /ReplicationGroupNotFoundFault: orders is not here/)
  }
  let endpoint = ''
  {
    await using server = await api(200, answer(''))
    endpoint = server.endpoint
    await rejects({ endpoint }, 'unavailable', /it is creating/)
  }
  await rejects({ endpoint }, 'unavailable', /does not answer: .*ECONNREFUSED/)
})
