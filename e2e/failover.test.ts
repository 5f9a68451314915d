/** Failover with real processes: killed, hung, busy, and planned. What clients see, and what is lost. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CreateCacheClusterCommand,
  CreateCacheParameterGroupCommand,
  CreateReplicationGroupCommand,
  DecreaseReplicaCountCommand,
  DescribeCacheClustersCommand,
  DescribeEventsCommand,
  DescribeReplicationGroupsCommand,
  ModifyCacheParameterGroupCommand,
  ModifyReplicationGroupCommand,
  RebootCacheClusterCommand,
  TestFailoverCommand,
} from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { type StatusNode, startTestService, type TestService, until } from './support/service.ts'
import { signalEngine } from './support/signals.ts'
import { startWriter, type Writer } from './support/writing.ts'

const describe = async (service: TestService, id: string) => {
  const client = service.client()
  try {
    const { ReplicationGroups: [group] = [] } = await client.send(
      new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
    )
    return group
  } finally {
    client.destroy()
  }
}

interface Shape {
  readonly shards?: number
  readonly replicas: number
  readonly nodeType?: string
}

const create = async (service: TestService, id: string, { shards, replicas, nodeType = 'cache.t4g.micro' }: Shape) => {
  const client = service.client()
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: id,
      ReplicationGroupDescription: id,
      Engine: 'valkey',
      CacheNodeType: nodeType,
      AutomaticFailoverEnabled: true,
      MultiAZEnabled: true,
      ...(shards === undefined ? { NumCacheClusters: replicas + 1 } : { NumNodeGroups: shards, ReplicasPerNodeGroup: replicas }),
    }),
  )
  client.destroy()
  const group = await healthy(service, id)
  const at = shards === undefined ? group.NodeGroups?.[0]?.PrimaryEndpoint : group.ConfigurationEndpoint
  assert.ok(at?.Address !== undefined && at.Port !== undefined)
  return { address: at.Address, port: at.Port }
}

const nodesOf = async (service: TestService, id: string): Promise<readonly StatusNode[]> =>
  (await service.status()).groups.flatMap((group) => (group.id === id ? group.shards.flatMap((shard) => shard.nodes) : []))

const primaryOf = async (service: TestService, id: string): Promise<StatusNode & { readonly pid: number }> => {
  const node = (await nodesOf(service, id)).find((each) => each.role === 'primary')
  assert.ok(node !== undefined && node.pid !== null)
  return { ...node, pid: node.pid }
}

const healthy = (service: TestService, id: string, deadlineMs = 20_000) =>
  until(
    `${id} at full health`,
    async () => {
      const group = await describe(service, id)
      const nodes = await nodesOf(service, id)
      const isWhole = nodes.every((node) => node.pid !== null && node.status === 'available')
      return group?.Status === 'available' && isWhole ? group : undefined
    },
    deadlineMs,
  )

const ask = async (
  node: { readonly address: string; readonly port: number },
  ...command: readonly string[]
): Promise<unknown> => {
  const client = createClient({ socket: { host: node.address, port: node.port, reconnectStrategy: false } })
  client.on('error', () => undefined) // told by the command
  await client.connect()
  try {
    return await client.sendCommand(command)
  } finally {
    client.destroy()
  }
}

const lostBy = async (writer: Writer): Promise<readonly number[]> => {
  const acknowledged = [...writer.acknowledged]
  const stored = await writer.stored()
  return acknowledged.filter((number) => !stored.has(number))
}

const someWrites = async (writer: Writer): Promise<void> => {
  const before = writer.acknowledged.size
  await until('writes go on', () => writer.acknowledged.size > before + 50)
}

const logOf = (service: TestService): readonly { readonly message: string; readonly node?: string }[] =>
  readFileSync(join(service.home, 'logs', 'larder.log'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { message: string; node?: string })

test('a killed primary is replaced at once, and comes back as a replica in its zone, with its name and address', async () => {
  await using service = await startTestService()
  const place = await create(service, 'kill', { replicas: 2 })
  await using writer = startWriter(place)
  await someWrites(writer)
  const before = await primaryOf(service, 'kill')
  writer.reset()
  process.kill(before.pid, 'SIGKILL')
  await until('another primary', async () => (await primaryOf(service, 'kill')).id !== before.id)
  await someWrites(writer)
  assert.ok(writer.gap() < 1_000, `writes paused for ${writer.gap()} ms`)
  const group = await healthy(service, 'kill')
  const back = (await nodesOf(service, 'kill')).find((node) => node.id === before.id)
  assert.deepEqual([back?.role, back?.zone, back?.address], ['replica', before.zone, before.address])
  const members = group.NodeGroups?.[0]?.NodeGroupMembers ?? []
  assert.deepEqual(
    members.map((member) => [member.CacheClusterId, member.CurrentRole]),
    (await nodesOf(service, 'kill')).map((node) => [node.id, node.role]),
  )
  const after = await primaryOf(service, 'kill')
  const replication = String(await ask(after, 'INFO', 'stats'))
  assert.match(replication, /sync_partial_ok:[1-9]/, 'the other replica was not copied anew')
  const client = service.client()
  const { Events = [] } = await client.send(new DescribeEventsCommand({ Duration: 60 }))
  client.destroy()
  const said = Events.map((event) => event.Message ?? '').toReversed() // the newest comes first
  const inOrder = [
    `Failover from primary node ${before.id} to replica node ${after.id} completed`,
    'Recovering cache nodes 0001',
    'Finished recovery for cache nodes 0001',
  ].map((words) => said.findIndex((message) => message.includes(words)))
  assert.ok(!inOrder.includes(-1), said.join('\n'))
  assert.deepEqual(
    inOrder,
    inOrder.toSorted((a, b) => a - b),
    said.join('\n'),
  )
})

test('a hung primary is ended first and then replaced, within seconds', async () => {
  await using service = await startTestService()
  const place = await create(service, 'hang', { replicas: 1 })
  await using writer = startWriter(place)
  await someWrites(writer)
  const before = await primaryOf(service, 'hang')
  writer.reset()
  process.kill(before.pid, 'SIGSTOP')
  await until('another primary', async () => (await primaryOf(service, 'hang')).id !== before.id)
  await someWrites(writer)
  assert.ok(writer.gap() < 3_000, `writes paused for ${writer.gap()} ms`)
  assert.throws(() => process.kill(before.pid, 0), { code: 'ESRCH' })
  const steps = logOf(service).map((line) => line.message)
  const at = (message: string): number => steps.lastIndexOf(message)
  assert.ok(at('a node was ended') < at('promoted') && at('a node was ended') > 0, 'the fence comes first')
  await healthy(service, 'hang')
})

test('a primary dies while a replica hangs: the other one takes over without waiting for it', async () => {
  await using service = await startTestService()
  const place = await create(service, 'both', { replicas: 2 })
  await using writer = startWriter(place)
  await someWrites(writer)
  const before = await primaryOf(service, 'both')
  const hung = (await nodesOf(service, 'both')).find((node) => node.role === 'replica')
  assert.ok(hung?.pid)
  writer.reset()
  process.kill(hung.pid, 'SIGSTOP')
  process.kill(before.pid, 'SIGKILL')
  await until('the other replica', async () => ![before.id, hung.id].includes((await primaryOf(service, 'both')).id))
  await someWrites(writer)
  assert.ok(writer.gap() < 1_000, `writes paused for ${writer.gap()} ms`)
  await healthy(service, 'both')
})

test('busy, paused and forking engines are left alone, and so is a hung one that nobody can replace', async () => {
  await using service = await startTestService()
  await create(service, 'busy', { replicas: 1 })
  const client = service.client()
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: 'lone',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.micro',
      NumCacheNodes: 1,
    }),
  )
  client.destroy()
  await until('the lone node', async () => (await nodesOf(service, 'lone')).some((node) => node.status === 'available'))
  const before = (await nodesOf(service, 'busy')).map((node) => [node.id, node.role, node.pid])
  const primary = await primaryOf(service, 'busy')
  const lone = (await nodesOf(service, 'lone'))[0]
  assert.ok(lone?.pid)
  await ask(lone, 'SET', 'kept', 'yes')
  process.kill(lone.pid, 'SIGSTOP')
  const spin = "local t = redis.call('TIME')[1] while redis.call('TIME')[1] - t < tonumber(ARGV[1]) do end return 'done'"
  const fill = "for i = 1, 300000 do redis.call('SADD', 'big', i) redis.call('SET', 'k' .. i, 'v') end return 'done'"
  assert.equal(await ask(primary, 'EVAL', spin, '0', '5'), 'done')
  assert.equal(await ask(primary, 'EVAL', fill, '0'), 'done')
  await ask(primary, 'KEYS', '*')
  await ask(primary, 'DEL', 'big')
  await ask(primary, 'CLIENT', 'PAUSE', '2500', 'ALL')
  await until('the pause to end', async () => (await ask(primary, 'PING')) === 'PONG')
  assert.deepEqual(
    (await nodesOf(service, 'busy')).map((node) => [node.id, node.role, node.pid]),
    before,
  )
  assert.ok(
    logOf(service).some((line) => line.message === 'a node is hung' && line.node === 'us-east-1/lone'),
    'it was seen',
  )
  process.kill(lone.pid, 'SIGCONT')
  assert.equal(await ask(lone, 'GET', 'kept'), 'yes')
  assert.equal((await nodesOf(service, 'lone'))[0]?.pid, lone.pid)
})

test('planned switches lose nothing: TestFailover, PrimaryClusterId, reboot, node type, removal of the primary', async () => {
  await using service = await startTestService()
  const place = await create(service, 'plan', { replicas: 2 })
  const client = service.client()
  await using writer = startWriter(place)
  const ReplicationGroupId = 'plan'
  const switches: readonly (readonly [string, (primary: string, replica: string) => Promise<unknown>])[] = [
    ['TestFailover', () => client.send(new TestFailoverCommand({ ReplicationGroupId, NodeGroupId: '0001' }))],
    [
      'PrimaryClusterId',
      (_primary, PrimaryClusterId) =>
        client.send(new ModifyReplicationGroupCommand({ ReplicationGroupId, PrimaryClusterId, ApplyImmediately: true })),
    ],
    [
      'reboot',
      (CacheClusterId) => client.send(new RebootCacheClusterCommand({ CacheClusterId, CacheNodeIdsToReboot: ['0001'] })),
    ],
    [
      'node type',
      () =>
        client.send(
          new ModifyReplicationGroupCommand({ ReplicationGroupId, CacheNodeType: 'cache.r7g.xlarge', ApplyImmediately: true }),
        ),
    ],
    [
      'removal',
      (primary) =>
        client.send(new DecreaseReplicaCountCommand({ ReplicationGroupId, ReplicasToRemove: [primary], ApplyImmediately: true })),
    ],
  ]
  for (const [name, ask] of switches) {
    await someWrites(writer)
    const before = await primaryOf(service, 'plan')
    const replica = (await nodesOf(service, 'plan')).find((node) => node.role === 'replica')
    writer.reset()
    await ask(before.id, replica?.id ?? '')
    await until(`another primary after ${name}`, async () => (await primaryOf(service, 'plan')).id !== before.id)
    await healthy(service, 'plan')
    await someWrites(writer)
    assert.deepEqual(await lostBy(writer), [], `${name} lost writes`)
    assert.ok(writer.gap() < 3_000, `${name}: writes paused for ${writer.gap()} ms`)
  }
  const { CacheClusters = [] } = await client.send(new DescribeCacheClustersCommand({}))
  client.destroy()
  assert.deepEqual(
    CacheClusters.map((cluster) => cluster.CacheNodeType),
    ['cache.r7g.xlarge', 'cache.r7g.xlarge'],
  )
})

test('a sharded group: a killed primary, a planned switch without a lost write, and the loss of a zone', async () => {
  await using service = await startTestService()
  const place = await create(service, 'shards', { shards: 2, replicas: 1 })
  await using writer = startWriter(place, true)
  await someWrites(writer)
  const client = service.client()
  for (const NodeGroupId of ['0001', '0002'])
    await client
      .send(new TestFailoverCommand({ ReplicationGroupId: 'shards', NodeGroupId }))
      .then(() => healthy(service, 'shards'))
  client.destroy()
  await someWrites(writer)
  assert.deepEqual(await lostBy(writer), [])
  for (const node of (await nodesOf(service, 'shards')).filter((each) => each.role === 'primary')) {
    writer.reset()
    signalEngine(service.home, node.pid, 'SIGKILL')
    await healthy(service, 'shards')
    await someWrites(writer)
    assert.ok(writer.gap() < 3_000, `writes paused for ${writer.gap()} ms`)
  }
  const zone = (await nodesOf(service, 'shards')).find((node) => node.role === 'primary')?.zone ?? ''
  service.larder('zone', 'down', zone)
  assert.ok((await nodesOf(service, 'shards')).every((node) => (node.zone === zone) === (node.pid === null)))
  await someWrites(writer)
  assert.ok((await nodesOf(service, 'shards')).every((node) => node.role === 'replica' || node.zone !== zone))
  service.larder('zone', 'up', zone)
  await healthy(service, 'shards')
})

test('three shards: while Larder is down the engines elect a replica themselves, and Larder takes it as it is', async () => {
  await using service = await startTestService()
  const place = await create(service, 'vote', { shards: 3, replicas: 1 })
  const primary = (await nodesOf(service, 'vote')).find((node) => node.role === 'primary')
  const heir = (await nodesOf(service, 'vote')).find(
    (node) => node.role === 'replica' && node.id.slice(0, -4) === primary?.id.slice(0, -4),
  )
  assert.ok(primary?.pid && heir?.pid)
  await service.kill()
  process.kill(primary.pid, 'SIGKILL')
  await until('the election', async () => String(await ask(heir, 'ROLE')).startsWith('master'), 40_000)
  await service.start()
  await healthy(service, 'vote')
  const after = await nodesOf(service, 'vote')
  assert.deepEqual(
    [after.find((node) => node.id === heir.id)?.role, after.find((node) => node.id === heir.id)?.pid],
    ['primary', heir.pid],
  )
  assert.equal(after.find((node) => node.id === primary.id)?.role, 'replica')
  await using writer = startWriter(place, true)
  await someWrites(writer)
})

test('a primary whose disk is full hands over to a replica that can write, and comes back when there is room', async (t) => {
  await using service = await startTestService()
  const client = service.client()
  const CacheParameterGroupName = 'logged'
  await client.send(
    new CreateCacheParameterGroupCommand({ CacheParameterGroupName, CacheParameterGroupFamily: 'valkey9', Description: 'test' }),
  )
  await client.send(
    new ModifyCacheParameterGroupCommand({
      CacheParameterGroupName,
      ParameterNameValues: [{ ParameterName: 'appendonly', ParameterValue: 'yes' }],
    }),
  )
  const folder = join(service.home, 'nodes', 'us-east-1', 'full-001')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'none', folder]).status === 0
  if (!mounted) return t.skip('a small disk can be made by root alone')
  try {
    await client.send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: 'full',
        ReplicationGroupDescription: 'full',
        Engine: 'valkey',
        CacheNodeType: 'cache.t4g.micro',
        NumCacheClusters: 2,
        AutomaticFailoverEnabled: true,
        CacheParameterGroupName,
      }),
    )
    client.destroy()
    const endpoint = (await healthy(service, 'full')).NodeGroups?.[0]?.PrimaryEndpoint
    await using writer = startWriter({ address: endpoint?.Address ?? '', port: endpoint?.Port ?? 0 })
    await someWrites(writer)
    assert.throws(() => writeFileSync(join(folder, 'ballast'), Buffer.alloc(2_000_000)), { code: 'ENOSPC' })
    await until('the other is primary', async () => (await primaryOf(service, 'full')).id === 'full-002', 30_000)
    await someWrites(writer)
    assert.deepEqual(await lostBy(writer), [])
    rmSync(join(folder, 'ballast'))
    await healthy(service, 'full', 30_000)
  } finally {
    service.larder('down')
    spawnSync('umount', ['-l', folder])
  }
})
