/** A state that is lost or older costs no engine and no write, and comes back with `larder recover`: with groups of every kind under load. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  AddTagsToResourceCommand,
  CreateCacheClusterCommand,
  CreateCacheParameterGroupCommand,
  CreateUserCommand,
  CreateUserGroupCommand,
  DescribeCacheClustersCommand,
  DescribeCacheParameterGroupsCommand,
  DescribeCacheParametersCommand,
  DescribeEventsCommand,
  DescribeReplicationGroupsCommand,
  DescribeUserGroupsCommand,
  DescribeUsersCommand,
  ListTagsForResourceCommand,
  ModifyCacheParameterGroupCommand,
  waitUntilCacheClusterAvailable,
} from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { create, modify, primaryOf } from './support/groups.ts'
import { startTestService, type TestService, until } from './support/service.ts'
import { startWriter, type Writer } from './support/writing.ts'

const main = fileURLToPath(new URL('../packages/service/src/main.ts', import.meta.url))
const token = 'a-token-of-sixteen-letters'
const password = 'a-password-of-a-user'

/** Ends by itself: a service that would start, or a command that would wait, is a failure. */
const larder = (service: TestService, ...args: readonly string[]) =>
  spawnSync(process.execPath, [main, ...args], { env: service.environment, encoding: 'utf8', timeout: 60_000 })

/** A group of every kind, and something of everything that a state holds. */
const makeAll = async (service: TestService): Promise<void> => {
  const client = service.client()
  await client.send(
    new CreateCacheParameterGroupCommand({
      CacheParameterGroupName: 'own',
      CacheParameterGroupFamily: 'valkey9',
      Description: 'own',
    }),
  )
  await client.send(
    new ModifyCacheParameterGroupCommand({
      CacheParameterGroupName: 'own',
      ParameterNameValues: [{ ParameterName: 'maxmemory-policy', ParameterValue: 'allkeys-lfu' }],
    }),
  )
  await client.send(
    new CreateUserCommand({
      UserId: 'reader',
      UserName: 'reader',
      Engine: 'valkey',
      AccessString: 'on ~* +@read',
      Passwords: [password],
    }),
  )
  await client.send(new CreateUserGroupCommand({ UserGroupId: 'team', Engine: 'valkey', UserIds: ['reader'] }))
  await Promise.all([
    create(service, 'plain', { NumCacheClusters: 3, CacheParameterGroupName: 'own' }),
    create(service, 'sharded', { NumNodeGroups: 2 }),
    create(service, 'secure', { NumCacheClusters: 2, TransitEncryptionEnabled: true, AuthToken: token }),
    create(service, 'users', { NumCacheClusters: 2, TransitEncryptionEnabled: true, UserGroupIds: ['team'] }),
    client.send(
      new CreateCacheClusterCommand({
        CacheClusterId: 'lone',
        Engine: 'valkey',
        CacheNodeType: 'cache.t4g.micro',
        NumCacheNodes: 1,
      }),
    ),
    client.send(
      new CreateCacheClusterCommand({
        CacheClusterId: 'mc',
        Engine: 'memcached',
        CacheNodeType: 'cache.t4g.micro',
        NumCacheNodes: 2,
      }),
    ),
  ])
  for (const id of ['lone', 'mc'])
    await waitUntilCacheClusterAvailable({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { CacheClusterId: id })
  const { ReplicationGroups: [plain] = [] } = await client.send(
    new DescribeReplicationGroupsCommand({ ReplicationGroupId: 'plain' }),
  )
  await client.send(new AddTagsToResourceCommand({ ResourceName: plain?.ARN, Tags: [{ Key: 'team', Value: 'blue' }] }))
  client.destroy()
}

/** Every answer, as JSON. Nothing may differ but what names the call itself. */
const describeAll = async (service: TestService): Promise<Readonly<Record<string, unknown>>> => {
  const client = service.client()
  const groups = await client.send(new DescribeReplicationGroupsCommand({}))
  const answers = {
    groups,
    clusters: await client.send(new DescribeCacheClustersCommand({ ShowCacheNodeInfo: true })),
    parameterGroups: await client.send(new DescribeCacheParameterGroupsCommand({})),
    parameters: await client.send(new DescribeCacheParametersCommand({ CacheParameterGroupName: 'own', Source: 'user' })),
    users: await client.send(new DescribeUsersCommand({})),
    userGroups: await client.send(new DescribeUserGroupsCommand({})),
    tags: await client.send(
      new ListTagsForResourceCommand({
        ResourceName: groups.ReplicationGroups?.find((each) => each.ReplicationGroupId === 'plain')?.ARN,
      }),
    ),
    events: await client.send(new DescribeEventsCommand({ Duration: 60 })),
  }
  client.destroy()
  return JSON.parse(JSON.stringify(answers, (key, value: unknown) => (key === '$metadata' ? undefined : value))) as Record<
    string,
    unknown
  >
}

/** One command of the text protocol, and what it is answered. */
const ask = (node: { readonly address: string; readonly port: number } | undefined, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(node?.port ?? 0, node?.address ?? '')
    socket.once('error', reject)
    socket.setEncoding('utf8').once('data', (data: string) => {
      socket.destroy()
      resolve(data)
    })
    socket.write(text)
  })

const pids = async (service: TestService): Promise<ReadonlyMap<string, number | null>> =>
  new Map((await service.nodes()).map((node) => [node.id, node.pid]))

const nothingLost = async (writer: Writer): Promise<void> => {
  const acknowledged = [...writer.acknowledged] // the writer goes on while it is asked
  const stored = await writer.stored()
  assert.deepEqual(
    acknowledged.filter((number) => !stored.has(number)),
    [],
  )
}

const allDescribed = async (service: TestService, before: Readonly<Record<string, unknown>>): Promise<void> => {
  await until(
    'what was described before',
    async () => {
      const now = await describeAll(service)
      assert.deepEqual({ ...now, events: null }, { ...before, events: null })
      return true
    },
    20_000,
  )
  const { events } = (await describeAll(service)) as { events: { Events: readonly unknown[] } }
  const old = (before['events'] as { Events: readonly unknown[] }).Events
  for (const event of old)
    assert.ok(
      events.Events.some((each) => JSON.stringify(each) === JSON.stringify(event)),
      JSON.stringify(event),
    )
}

test('a lost state: refused, made anew, and nobody has noticed', async (context) => {
  await using service = await startTestService()
  await makeAll(service)
  const { ReplicationGroups: groups = [] } = await (async () => {
    const client = service.client()
    const all = await client.send(new DescribeReplicationGroupsCommand({}))
    client.destroy()
    return all
  })()
  const plain = groups.find((group) => group.ReplicationGroupId === 'plain')
  assert.ok(plain !== undefined)
  const sharded = (await service.nodes()).find((node) => node.id === 'sharded-0001-001')
  assert.ok(sharded !== undefined)
  await using writer = startWriter({ address: primaryOf(plain).host, port: primaryOf(plain).port })
  await using second = startWriter({ address: sharded.address, port: sharded.port }, true)
  const memcached = (await service.nodes()).find((node) => node.id === 'mc.0001')
  assert.match(await ask(memcached, 'set kept 0 0 3\r\nyes\r\n'), /STORED/)
  const steady = createClient({ url: `redis://${primaryOf(plain).host}:${primaryOf(plain).port}` })
  const errors: unknown[] = []
  steady.on('error', (error) => errors.push(error))
  await steady.connect()
  await steady.set('kept', 'yes')
  const before = await describeAll(service)
  const running = await pids(service)
  const wasWriting = (): boolean => writer.acknowledged.size > 50 && second.acknowledged.size > 50
  await until('writes', wasWriting)

  const state = join(service.home, 'state.db')
  const lose: Readonly<Record<string, () => void>> = {
    'is removed': () => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${state}${suffix}`, { force: true })
    },
    'is garbage': () => {
      for (const suffix of ['-wal', '-shm']) rmSync(`${state}${suffix}`, { force: true })
      writeFileSync(state, 'garbage')
    },
    'is cut off': () => {
      for (const suffix of ['-wal', '-shm']) rmSync(`${state}${suffix}`, { force: true })
      writeFileSync(state, '')
    },
  }
  for (const [what, damage] of Object.entries(lose)) {
    await service.kill()
    damage()
    for (const command of [['up', '--port', '0'], ['down']]) {
      const refused = larder(service, ...command)
      assert.equal(refused.status, 3, `${what}: ${command.join(' ')} ${refused.stdout}${refused.stderr}`)
      assert.match(refused.stderr, /expected .*state.*npx larder recover/, what)
    }
    const planned = larder(service, 'recover')
    assert.equal(planned.status, 0, planned.stderr)
    assert.match(planned.stdout, /Nothing was written/)
    assert.equal(larder(service, 'up', '--port', '0').status, 3, 'a plan changes nothing')
    const recovered = larder(service, 'recover', '--yes')
    assert.equal(recovered.status, 0, recovered.stderr)
    assert.doesNotMatch(recovered.stdout, /Missing:/, recovered.stdout)
    if (what === 'is removed') context.diagnostic(recovered.stdout)
    await service.start()
    assert.deepEqual(await pids(service), running, `${what}: no engine was started again`)
    await allDescribed(service, before)
  }
  assert.equal(await steady.get('kept'), 'yes')
  steady.destroy()
  assert.deepEqual(errors, [], 'no connection has ended')
  assert.match(await ask(memcached, 'get kept\r\n'), /yes/)
  await nothingLost(writer)
  await nothingLost(second)

  // It goes on with all that it had: a change is carried out.
  await modify(service, 'plain', { ReplicationGroupDescription: 'after' })
  assert.deepEqual(await pids(service), running)
})

/** Role of each running node, by asking the engines. */
const roles = async (service: TestService): Promise<ReadonlyMap<string, string>> =>
  new Map((await service.nodes()).map((node) => [node.id, node.role]))

test('an older state rolls nothing back: engines go on, and who is primary stays so', async () => {
  await using service = await startTestService()
  const group = await create(service, 'moved', { NumCacheClusters: 2 })
  await service.end()
  const old = join(service.home, 'last-week.db')
  copyFileSync(join(service.home, 'state.db'), old)
  await service.start()
  service.larder('failover', 'moved')
  await create(service, 'newer', { NumCacheClusters: 2 })
  await using writer = startWriter({ address: primaryOf(group).host, port: primaryOf(group).port })
  await until('writes', () => writer.acknowledged.size > 50)
  const [running, before] = [await pids(service), await roles(service)]
  assert.equal(before.get('moved-002'), 'primary')
  // With the journal, and where it is lost too: then the files beside the nodes say the same.
  for (const copies of ['kept', 'lost']) {
    // It is written a moment after each change.
    await until('the file beside the nodes', () => existsSync(join(service.home, 'nodes', 'us-east-1', 'rg.newer.json')))
    await service.kill()
    for (const suffix of ['-wal', '-shm']) rmSync(join(service.home, `state.db${suffix}`), { force: true })
    copyFileSync(old, join(service.home, 'state.db'))
    if (copies === 'lost') rmSync(join(service.home, 'state-copies'), { recursive: true })
    const refused = larder(service, 'up', '--port', '0')
    assert.equal(refused.status, 3, refused.stderr)
    assert.match(refused.stderr, /older/)
    assert.equal(larder(service, 'recover', '--yes').status, 0)
    await service.start()
    assert.deepEqual(await pids(service), running, `copies ${copies}`)
    assert.deepEqual(await roles(service), before, `copies ${copies}`)
  }
  const number = writer.acknowledged.size
  await until('writes after it', () => writer.acknowledged.size > number + 50)
  await nothingLost(writer)
})

/** The next start makes these good, whichever of them are damaged. */
const madeGood = [
  'block.json',
  'service.json',
  'lock.db',
  'state.db.reserve',
  'endpoints/report.json',
  'state-copies',
  'kept/secrets.json',
]
/** These a start refuses: one by one in `controllers/recovery/recovery.test.ts`. */
const refused = ['secrets.json', 'seal.key', 'tls/ca.crt', 'tls/ca.key']
/** Missing it is made anew by the groups; damaged it is refused. */
const plan = 'endpoints/plan.json'

const damages: Readonly<Record<string, (path: string) => void>> = {
  'is missing': (path) => rmSync(path, { recursive: true, force: true }),
  'is empty': (path) => void (isFolder(path) || writeFileSync(path, '')),
  'is garbage': (path) => void (isFolder(path) || writeFileSync(path, 'garbage')),
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

test('files of the home missing, empty or garbage: no engine ends, no folder is deleted, and it goes on', async () => {
  await using service = await startTestService()
  const group = await create(service, 'demo', { NumCacheClusters: 2, TransitEncryptionEnabled: true })
  const client = service.client()
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: 'mc',
      Engine: 'memcached',
      CacheNodeType: 'cache.t4g.micro',
      NumCacheNodes: 1,
    }),
  )
  await waitUntilCacheClusterAvailable({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { CacheClusterId: 'mc' })
  client.destroy()
  assert.equal(group.Status, 'available')
  const running = await pids(service)
  const folders = (): readonly string[] =>
    readdirSync(join(service.home, 'nodes/us-east-1')).filter((name) => !name.endsWith('.json'))
  const before = folders()
  const lose = async (
    what: string,
    names: readonly string[],
    damage: (path: string) => void,
    isRefused: boolean,
  ): Promise<void> => {
    await service.kill()
    for (const name of names) damage(join(service.home, name))
    if (isRefused) {
      const start = larder(service, 'up', '--port', '0')
      assert.equal(start.status, 3, `${what}: ${start.stdout}${start.stderr}`)
      assert.match(start.stderr, /expected .*npx larder recover/, what)
      const recovered = larder(service, 'recover', '--yes')
      assert.equal(recovered.status, 0, `${what}: ${recovered.stderr}`)
    }
    await service.start().catch((error: unknown) => {
      throw new Error(what, { cause: error })
    })
    assert.deepEqual(await pids(service), running, what)
    assert.deepEqual(folders(), before, what)
  }
  for (const [how, damage] of Object.entries(damages)) {
    const isMissing = how === 'is missing'
    await lose(`what a start makes good ${how}`, isMissing ? [...madeGood, plan] : madeGood, damage, false)
    await lose(`what a start refuses ${how}`, isMissing ? refused : [...refused, plan], damage, true)
  }
})
