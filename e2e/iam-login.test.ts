/** Logins of IAM users with real engines and clients, by tokens of AWS's own signer, each with its refusals. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CreateUserCommand, CreateUserGroupCommand, TestFailoverCommand } from '@aws-sdk/client-elasticache'
import {
  CreateAccessKeyCommand,
  CreateUserCommand as CreateIamUserCommand,
  DeleteAccessKeyCommand,
  IAMClient,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam'
import { createClient } from '@redis/client'
import { Cluster, type Redis } from 'ioredis'
import { create as createGroup, primaryOf } from './support/groups.ts'
import { cache, create, keysOf, login, open, password, said, tokens, user } from './support/iam-logins.ts'
import { startTestService, until } from './support/service.ts'

const minute = 60_000

for (const version of ['9.1', '8.1'])
  test(`valkey ${version}: a token of AWS's signer lets in, and nothing else does`, async () => {
    await using service = await startTestService()
    const place = await create(service, { EngineVersion: version })
    const token = tokens(service)

    const hello = createClient({
      socket: { host: place.host, port: place.port, tls: true, ca: place.ca, reconnectStrategy: false },
      RESP: 3,
      username: user,
      password: await token(),
    })
    await hello.connect()
    assert.equal(await hello.sendCommand(['ACL', 'WHOAMI']), user)
    hello.destroy()

    const client = await open(place)
    assert.equal(await said(client.call('AUTH', user, await token())), 'OK')
    assert.equal(await client.call('ACL', 'WHOAMI'), user)
    assert.equal(await client.set('key', 'value'), 'OK')
    // As another user, and after RESET, it is what it says.
    assert.equal(await said(client.call('AUTH', 'pass', password)), 'OK')
    assert.equal(await client.call('ACL', 'WHOAMI'), 'pass')
    assert.equal(await said(client.call('AUTH', user, await token())), 'OK')
    assert.equal(await client.call('RESET'), 'RESET')
    assert.equal(await said(client.get('key')), 'NOAUTH')
    assert.equal(await said(client.call('AUTH', user, await token())), 'OK')
    // Not inside MULTI, as on AWS; what is there goes on. Valkey 8.0 and 8.1 answer nothing at all to an AUTH in there that fails, also by password.
    if (version !== '8.1') {
      await client.call('MULTI')
      await client.call('AUTH', user, await token())
      const [inside] = (await client.call('EXEC')) as unknown[]
      assert.match(String(inside), /MULTI/)
    }
    assert.equal(await client.get('key'), 'value')
    // A refused one leaves the client as it was.
    assert.equal(await said(client.call('AUTH', user, await token({ region: 'eu-west-1' }))), 'WRONGPASS')
    assert.equal(await client.call('ACL', 'WHOAMI'), user)
    client.disconnect()

    const good = await token()
    const otherKey = { ...keysOf(service), accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' }
    const otherSecret = { ...keysOf(service), secretAccessKey: 'A'.repeat(40) }
    const wrong: Readonly<Record<string, readonly [name: string, token: string]>> = {
      'of another cache': [user, await token({ cache: 'others' })],
      'for the cache in capitals': [user, await token({ cache: 'ORDERS' })],
      'of another user': [user, await token({ user: 'iam-other' })],
      'used by another user': ['iam-other', good],
      'of another region': [user, await token({ region: 'eu-west-1' })],
      'of another service': [user, await token({ service: 'memorydb' })],
      'that has ended': [user, await token({ at: Date.now() - 16 * minute })],
      'that ended early': [user, await token({ at: Date.now() - 2 * minute, expiresIn: 60 })],
      'from the future': [user, await token({ at: Date.now() + 6 * minute })],
      'that would last longer': [user, await token({ expiresIn: 901 })],
      'with another signature': [user, good.replace(/[0-9a-f]{4}$/, (last) => (last === '0000' ? '1111' : '0000'))],
      'without a signature': [user, good.replace(/&X-Amz-Signature=.*/, '')],
      'with a later date': [user, good.replace(/X-Amz-Date=[^&]*/, 'X-Amz-Date=20991231T235959Z')],
      'with another action': [user, good.replace('Action=connect', 'Action=disconnect')],
      'with one parameter more': [user, `${good}&X=1`],
      'of a serverless cache': [user, await token({ query: { ResourceType: 'ServerlessCache' } })],
      'by an unknown key': [user, await token({ credentials: otherKey })],
      'by another secret': [user, await token({ credentials: otherSecret })],
      'of a session': [user, await token({ credentials: { ...keysOf(service), sessionToken: 'x'.repeat(40) } })],
      'for a user by password': ['pass', await token({ user: 'pass' })],
      'for nobody': ['nobody', await token({ user: 'nobody' })],
      'for the user of the service itself': ['larder', await token({ user: 'larder' })],
      'that is a password': [user, password],
      'that is empty': [user, ''],
      'that is very long': [user, good + 'x'.repeat(10_000)],
      'that is none': [user, 'x'.repeat(400)],
    }
    for (const [what, [name, text]] of Object.entries(wrong))
      assert.equal(await login(place, name, text), 'WRONGPASS', `a token ${what}`)
    // The same one twice is right, as on AWS: it is good for its 15 minutes.
    assert.deepEqual([await login(place, user, good), await login(place, user, good)], ['OK', 'OK'])
    assert.equal(await login(place, user, await token({ at: Date.now() + 2 * minute })), 'OK', 'clocks may differ a little')
    assert.equal(await login(place, 'pass', password), 'OK')
  })

test('who may connect is what the policies of the key say; each decision stands in the audit log', async () => {
  await using service = await startTestService()
  const place = await create(service, { NumCacheClusters: 1, AutomaticFailoverEnabled: false })
  const iam = new IAMClient({ region: 'us-east-1', endpoint: service.url(), credentials: keysOf(service), maxAttempts: 1 })
  await iam.send(new CreateIamUserCommand({ UserName: 'ada' }))
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'ada' }))
  const AccessKeyId = AccessKey?.AccessKeyId ?? ''
  const token = await tokens(service)({
    credentials: { accessKeyId: AccessKeyId, secretAccessKey: AccessKey?.SecretAccessKey ?? '' },
  })
  const arn = (what: string): string => `arn:aws:elasticache:us-east-1:000000000000:${what}`
  const ofCache = arn(`replicationgroup:${cache}`)
  const ofUser = arn(`user:${user}`)
  const allow = { Effect: 'Allow', Action: 'elasticache:Connect' }
  const withPolicy = async (...Statement: readonly object[]): Promise<string> => {
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement })
    await iam.send(new PutUserPolicyCommand({ UserName: 'ada', PolicyName: 'p', PolicyDocument }))
    return login(place, user, token)
  }
  assert.equal(await login(place, user, token), 'WRONGPASS', 'no policy at all')
  assert.equal(await withPolicy({ ...allow, Resource: [ofCache, ofUser] }), 'OK')
  assert.equal(await withPolicy({ ...allow, Resource: ofCache }), 'WRONGPASS', 'not as this user')
  assert.equal(await withPolicy({ ...allow, Resource: ofUser }), 'WRONGPASS', 'not to this cache')
  assert.equal(await withPolicy({ ...allow, Resource: [arn('replicationgroup:other'), ofUser] }), 'WRONGPASS', 'another cache')
  assert.equal(await withPolicy({ ...allow, Action: 'elasticache:Describe*', Resource: '*' }), 'WRONGPASS', 'another action')
  const from = (range: string): object => ({ Condition: { IpAddress: { 'aws:SourceIp': range } } })
  assert.equal(await withPolicy({ ...allow, Resource: '*', ...from('127.0.0.0/8') }), 'OK')
  assert.equal(await withPolicy({ ...allow, Resource: '*', ...from('10.0.0.0/8') }), 'WRONGPASS', 'from elsewhere')
  const deny = { ...allow, Effect: 'Deny', Resource: ofUser }
  assert.equal(await withPolicy({ ...allow, Resource: '*' }, deny), 'WRONGPASS', 'an explicit deny')
  assert.equal(await withPolicy({ ...allow, Resource: '*' }), 'OK')
  const turn = (Status: 'Active' | 'Inactive') => iam.send(new UpdateAccessKeyCommand({ UserName: 'ada', AccessKeyId, Status }))
  await turn('Inactive')
  assert.equal(await login(place, user, token), 'WRONGPASS', 'an inactive key')
  await turn('Active')
  assert.equal(await login(place, user, token), 'OK')
  await iam.send(new DeleteAccessKeyCommand({ UserName: 'ada', AccessKeyId }))
  assert.equal(await login(place, user, token), 'WRONGPASS', 'a key that is no more')
  iam.destroy()

  const lines = ['audit.log', 'rejected.log']
    .map((name) => readFileSync(join(service.home, 'logs', name), 'utf8'))
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter((line) => line['action'] === 'elasticache:Connect')
  const count = (decision: string): number => lines.filter((line) => line['decision'] === decision).length
  assert.deepEqual([count('allowed'), count('denied'), count('unauthenticated')], [4, 7, 2])
  const denied = lines.find((line) => line['decision'] === 'denied')
  assert.deepEqual(denied?.['resources'], [ofCache, ofUser])
  assert.deepEqual(
    [denied?.['arn'], denied?.['accessKeyId'], denied?.['errorCode']],
    ['arn:aws:iam::000000000000:user/ada', AccessKeyId, 'WRONGPASS'],
  )
  assert.match(String(denied?.['sourceAddress']), /^127\./)
  const signature = /X-Amz-Signature=([0-9a-f]{64})/.exec(token)?.[1] ?? ''
  const found = spawnSync('grep', ['-rlaF', signature, service.home], { encoding: 'utf8' })
  assert.equal(found.stdout, '', 'a token stands nowhere')
})

test('in cluster mode every node takes the token, by ioredis too', async () => {
  await using service = await startTestService()
  const place = await create(service, { NumNodeGroups: 2, NumCacheClusters: undefined })
  const token = await tokens(service)()
  const cluster = new Cluster([{ host: place.host, port: place.port }], {
    redisOptions: { username: user, password: token, tls: { ca: place.ca, checkServerIdentity: () => undefined } },
    dnsLookup: (address, done) => done(null, address),
    clusterRetryStrategy: () => null,
  })
  try {
    await Promise.all(Array.from({ length: 50 }, (_, index) => cluster.set(`key${index}`, String(index))))
    assert.equal(await cluster.get('key7'), '7')
  } finally {
    cluster.disconnect()
  }
  const [good, key] = [tokens(service), { ...keysOf(service), accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' }]
  const wrong = [
    await good({ cache: `${cache}-0001` }),
    await good({ region: 'eu-west-1' }),
    await good({ user: 'iam-other' }),
    await good({ at: Date.now() - 16 * minute }),
    await good({ at: Date.now() + 6 * minute }),
    await good({ credentials: key }),
  ]
  for (const node of await service.nodes()) {
    const at = { ...place, host: node.address, port: node.port }
    assert.equal(await login(at, user, token), 'OK', node.id)
    const client = await open(at)
    for (const each of wrong) assert.equal(await said(client.call('HELLO', '3', 'AUTH', user, each)), 'WRONGPASS', node.id)
    await client.call('HELLO', '3', 'AUTH', user, token)
    assert.equal(await client.call('ACL', 'WHOAMI'), user)
    client.disconnect()
    // Nobody waits so long in a test: that a connection is cut after what stands here is shown below.
    const text = readFileSync(join(service.home, 'nodes', 'us-east-1', node.id, 'node.conf'), 'utf8')
    assert.match(text, new RegExp(`^loadmodule \\S+ \\S+ \\S+ ${12 * 3600} \\d+$`, 'm'), '12 hours')
  }
})

test('a connection is cut when its login has lasted its time, unless it logged in again', async () => {
  await using service = await startTestService({ extra: { LARDER_IAM_LOGIN_SECONDS: '3' } })
  const place = await create(service, { NumCacheClusters: 1, AutomaticFailoverEnabled: false })
  const token = await tokens(service)()
  const cut = async (client: Redis): Promise<number> => {
    const from = performance.now()
    await new Promise<void>((resolve) => client.once('close', () => resolve()))
    return performance.now() - from
  }
  const [left, renewed, byPassword, reset, refused] = await Promise.all(Array.from({ length: 5 }, () => open(place)))
  assert.ok(left && renewed && byPassword && reset && refused)
  await Promise.all([left, renewed, byPassword, reset, refused].map((client) => client.call('AUTH', user, token)))
  const cuts = { left: cut(left), renewed: cut(renewed), refused: cut(refused) }
  assert.equal(await byPassword.call('AUTH', 'pass', password), 'OK')
  assert.equal(await reset.call('RESET'), 'RESET')
  assert.equal(await said(refused.call('AUTH', user, 'x'.repeat(300))), 'WRONGPASS')
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  await renewed.call('HELLO', '3', 'AUTH', user, token)
  const [leftAfter, refusedAfter] = await Promise.all([cuts.left, cuts.refused])
  for (const after of [leftAfter, refusedAfter]) assert.ok(after > 2_800 && after < 3_900, `cut after ${after} ms`)
  assert.equal(renewed.status, 'ready')
  const renewedAfter = await cuts.renewed
  assert.ok(renewedAfter > 4_300 && renewedAfter < 5_400, `cut after ${renewedAfter} ms`)
  assert.equal(await byPassword.call('ACL', 'WHOAMI'), 'pass')
  assert.equal(reset.status, 'ready')
  for (const client of [byPassword, reset]) client.disconnect()
})

test('a promoted replica takes tokens, and a killed and restarted service is asked again', async () => {
  await using service = await startTestService()
  const place = await create(service)
  const token = tokens(service)
  const good = await token()
  const stays = await open(place)
  assert.equal(await stays.call('AUTH', user, good), 'OK')

  await service.kill()
  assert.equal(await stays.set('while', 'away'), 'OK')
  assert.equal(await login(place, 'pass', password), 'OK')
  const from = performance.now()
  assert.equal(await login(place, user, good), 'WRONGPASS')
  assert.ok(performance.now() - from < 5_000)
  await service.start()
  assert.equal(await login(place, user, good), 'OK')
  assert.equal(await stays.get('while'), 'away')
  stays.disconnect()

  const before = (await service.nodes()).find(({ role }) => role === 'primary')?.id
  const api = service.client()
  await api.send(new TestFailoverCommand({ ReplicationGroupId: cache, NodeGroupId: '0001' }))
  api.destroy()
  await until('another primary', async () => {
    const now = (await service.nodes()).find(({ role }) => role === 'primary')?.id
    return now !== undefined && now !== before
  })
  // The endpoint follows within milliseconds; a client that comes before is sent away, and comes again.
  const after = await until('the endpoint leads to it', () => open(place))
  assert.equal(await after.call('AUTH', user, await token()), 'OK')
  assert.equal(await after.set('after', 'failover'), 'OK')
  after.disconnect()
})

/** The user group `team`: everybody by `default`, and one user of IAM. */
const wishOfTeam = async (service: Awaited<ReturnType<typeof startTestService>>) => {
  const api = service.client()
  const iam = { AuthenticationMode: { Type: 'iam' as const } }
  await api.send(new CreateUserCommand({ UserId: user, UserName: user, Engine: 'redis', AccessString: 'on ~* +@all', ...iam }))
  await api.send(new CreateUserGroupCommand({ UserGroupId: 'team', Engine: 'redis', UserIds: ['default', user] }))
  api.destroy()
  return { NumCacheClusters: 1, AutomaticFailoverEnabled: false, TransitEncryptionEnabled: true, UserGroupIds: ['team'] }
}

test('a home that is to refuse what has no effect refuses users of IAM of Redis OSS 7.0, with the reason', async () => {
  await using service = await startTestService({ extra: { LARDER_UNSUPPORTED: 'refuse' } })
  const wish = await wishOfTeam(service)
  await assert.rejects(createGroup(service, cache, { EngineVersion: '7.0', ...wish }), /Redis OSS 7\.2 or later/)
  // The same users on an engine that can.
  const { host, port } = primaryOf(await createGroup(service, cache, { EngineVersion: '9.1', ...wish }))
  assert.equal(await login({ host, port, ca: service.larder('ca') }, user, await tokens(service)()), 'OK')
})

test('Redis OSS 7.0 lets a user of IAM in by nothing, and the others of the group as ever', async () => {
  await using service = await startTestService()
  const { host, port } = primaryOf(await createGroup(service, cache, { EngineVersion: '7.0', ...(await wishOfTeam(service)) }))
  const place = { host, port, ca: service.larder('ca') }
  for (const secret of [await tokens(service)(), '', password]) assert.equal(await login(place, user, secret), 'WRONGPASS')
  const other = await open(place)
  assert.equal(await other.set('key', 'value'), 'OK')
  other.disconnect()
  assert.match(service.larder('status'), new RegExp(`without effect yet: AuthenticationMode=iam of ${user}`))
})
