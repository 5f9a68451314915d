/** Files of nodes that are damaged while nobody looks, and a primary whose disk has more than its replica: with real engines. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CreateCacheParameterGroupCommand,
  DescribeCacheClustersCommand,
  DescribeEventsCommand,
  DescribeReplicationGroupsCommand,
  ModifyCacheParameterGroupCommand,
} from '@aws-sdk/client-elasticache'
import { Redis } from 'ioredis'
import { createRequest } from './support/groups.ts'
import { type StatusNode, startTestService, type TestService, until } from './support/service.ts'

const family = 'valkey9'
const parameterGroup = 'logged'

const makeParameterGroup = async (service: TestService): Promise<void> => {
  const client = service.client()
  const CacheParameterGroupName = parameterGroup
  await client.send(
    new CreateCacheParameterGroupCommand({ CacheParameterGroupName, CacheParameterGroupFamily: family, Description: 'AOF' }),
  )
  const ParameterNameValues = [{ ParameterName: 'appendonly', ParameterValue: 'yes' }]
  await client.send(new ModifyCacheParameterGroupCommand({ CacheParameterGroupName, ParameterNameValues }))
  client.destroy()
}

interface Shape {
  readonly nodes: number
  readonly shards?: number
  readonly logged?: boolean
}

const create = async (service: TestService, id: string, { nodes, shards, logged = false }: Shape): Promise<void> => {
  const client = service.client()
  await client.send(
    createRequest(id, {
      AutomaticFailoverEnabled: nodes > 1,
      ...(logged ? { CacheParameterGroupName: shards === undefined ? parameterGroup : `${parameterGroup}.cluster.on` } : {}),
      ...(shards === undefined ? { NumCacheClusters: nodes } : { NumNodeGroups: shards, ReplicasPerNodeGroup: nodes - 1 }),
    }),
  )
  client.destroy()
}

const groupOf = async (service: TestService, id: string) => {
  const client = service.client()
  const { ReplicationGroups: [group] = [] } = await client.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }))
  client.destroy()
  return group
}

const nodesOf = async (service: TestService, id: string): Promise<readonly StatusNode[]> =>
  (await service.nodes()).filter((node) => node.id.startsWith(`${id}-`))

const whole = (service: TestService, id: string, deadlineMs = 30_000): Promise<true> =>
  until(
    `${id} whole`,
    async () => {
      const group = await groupOf(service, id)
      const nodes = await nodesOf(service, id)
      return (
        group?.Status === 'available' &&
        nodes.length > 0 &&
        nodes.every((node) => node.pid !== null && node.status === 'available')
      )
    },
    deadlineMs,
  )

const roleIn = async (
  service: TestService,
  id: string,
  role: 'primary' | 'replica',
): Promise<StatusNode & { readonly pid: number }> => {
  const node = (await nodesOf(service, id)).find((each) => each.role === role)
  assert.ok(node !== undefined && node.pid !== null, `expected a ${role} of ${id} that runs`)
  return { ...node, pid: node.pid }
}

interface Place {
  readonly host: string
  readonly port: number
}

const endpoint = async (service: TestService, id: string): Promise<Place> => {
  const at = (await groupOf(service, id))?.NodeGroups?.[0]?.PrimaryEndpoint
  assert.ok(at?.Address !== undefined && at.Port !== undefined)
  return { host: at.Address, port: at.Port }
}

const withClient = async <T>(place: Place, work: (client: Redis) => Promise<T>): Promise<T> => {
  const client = new Redis({ ...place, retryStrategy: () => 10, maxRetriesPerRequest: null })
  client.on('error', () => undefined) // the commands wait
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}

const folderOf = (service: TestService, id: string): string => join(service.home, 'nodes', 'us-east-1', id)

const eventsOf = async (service: TestService): Promise<readonly string[]> => {
  const client = service.client()
  const { Events = [] } = await client.send(new DescribeEventsCommand({ Duration: 60 }))
  client.destroy()
  return Events.map((event) => event.Message ?? '')
}

const setAside = (folder: string): readonly string[] => readdirSync(folder).filter((name) => name.startsWith('damaged-'))

const harmLog = (folder: string): void => {
  const parts = readdirSync(join(folder, 'appendonlydir'))
  const part = parts.find((name) => name.includes('.incr.')) ?? ''
  writeFileSync(join(folder, 'appendonlydir', part), 'this is no log of commands')
}

test('a replica whose append-only file is damaged is back within seconds: the file is kept, the data copied from its primary', async () => {
  await using service = await startTestService()
  await makeParameterGroup(service)
  await create(service, 'harmed', { nodes: 2, logged: true })
  await whole(service, 'harmed')
  const place = await endpoint(service, 'harmed')
  await withClient(place, (client) => client.set('a', '1'))
  const replica = await roleIn(service, 'harmed', 'replica')
  await service.end()
  process.kill(replica.pid, 'SIGKILL')
  harmLog(folderOf(service, replica.id))
  await service.start()
  await whole(service, 'harmed')
  assert.equal(
    await withClient({ host: replica.address, port: replica.port }, async (client) => {
      await client.readonly().catch(() => undefined) // without cluster mode there is no need
      return client.get('a')
    }),
    '1',
  )
  const [kept, ...more] = setAside(folderOf(service, replica.id))
  assert.ok(kept !== undefined && more.length === 0)
  assert.deepEqual(readdirSync(join(folderOf(service, replica.id), kept)), ['appendonlydir'])
  const said = await eventsOf(service)
  for (const words of ['could not load appendonlydir', 'Moved appendonlydir of cache node 0001 to'])
    assert.ok(
      said.some((message) => message.includes(words)),
      said.join('\n'),
    )
})

test('of two nodes after larder down the one with the newer, damaged dump yields to the good copy, and is a replica again', async () => {
  await using service = await startTestService()
  await create(service, 'both', { nodes: 2 })
  await whole(service, 'both')
  const place = await endpoint(service, 'both')
  await withClient(place, (client) => client.set('a', '1'))
  const primary = await roleIn(service, 'both', 'primary')
  service.larder('down')
  const dump = join(folderOf(service, primary.id), 'dump.rdb')
  const bytes = readFileSync(dump)
  bytes[bytes.length - 2] = (bytes[bytes.length - 2] ?? 0) ^ 0x55 // only its checksum shows it
  writeFileSync(dump, bytes)
  utimesSync(dump, new Date(Date.now() + 60_000), new Date(Date.now() + 60_000))
  await service.start()
  await whole(service, 'both')
  assert.notEqual((await roleIn(service, 'both', 'primary')).id, primary.id)
  assert.equal(await withClient(place, (client) => client.get('a')), '1')
  const said = await eventsOf(service)
  assert.ok(
    said.some((message) => message.includes('could not load dump.rdb')),
    said.join('\n'),
  )
})

test('a primary that is alone with a damaged file is not started empty, says so, and starts when the file is repaired', async () => {
  await using service = await startTestService()
  await makeParameterGroup(service)
  await create(service, 'alone', { nodes: 1, logged: true })
  await whole(service, 'alone')
  const place = await endpoint(service, 'alone')
  await withClient(place, (client) => client.set('a', '1'))
  const { id, pid } = await roleIn(service, 'alone', 'primary')
  const manifest = join(folderOf(service, id), 'appendonlydir', 'appendonly.aof.manifest')
  for (const harm of ['it is garbage\n', null]) {
    await service.end()
    const running = (await service.nodes()).find((node) => node.id === id)?.pid ?? pid
    process.kill(running, 'SIGKILL')
    const before = readFileSync(manifest)
    // Garbage is refused by the engine; without a manifest it would start empty without a word.
    if (harm === null) rmSync(manifest)
    else writeFileSync(manifest, harm)
    await service.start()
    await until('it is told', async () => (await groupOf(service, 'alone'))?.Status === 'modifying')
    const client = service.client()
    const { CacheClusters: [cluster] = [] } = await client.send(new DescribeCacheClustersCommand({ CacheClusterId: id }))
    client.destroy()
    assert.equal(cluster?.CacheClusterStatus, 'modifying')
    const text = service.larder('status')
    assert.match(text, /cannot load .*appendonly.*nothing is served empty/)
    assert.equal((await service.nodes()).find((node) => node.id === id)?.pid, null)
    const size = statSync(join(service.home, 'logs', 'larder.log')).size
    writeFileSync(manifest, before)
    await whole(service, 'alone')
    assert.equal(await withClient(place, (reader) => reader.get('a')), '1')
    assert.ok(
      statSync(join(service.home, 'logs', 'larder.log')).size - size < 20_000,
      'the log does not grow while nothing happens',
    )
  }
})

test('in cluster mode a nodes.conf that is garbage, empty or missing is made anew, of a replica and of all nodes of a shard', async () => {
  await using service = await startTestService()
  await create(service, 'sharded', { nodes: 2, shards: 2 })
  await whole(service, 'sharded')
  const file = (node: StatusNode): string => join(folderOf(service, node.id), 'nodes.conf')
  const harms: readonly ((node: StatusNode) => void)[] = [
    (node) => writeFileSync(file(node), 'garbage\n'),
    (node) => truncateSync(file(node), 0),
    (node) => rmSync(file(node)),
    (node) => {
      rmSync(file(node))
      mkdirSync(file(node))
    },
  ]
  for (const [at, harm] of harms.entries()) {
    const nodes = await nodesOf(service, 'sharded')
    const chosen =
      at % 2 === 0
        ? nodes.filter((node) => node.role === 'replica').slice(0, 1)
        : nodes.filter((node) => node.id.includes('-0001-'))
    await service.end()
    for (const node of chosen) process.kill(node.pid ?? 0, 'SIGKILL')
    for (const node of chosen) harm(node)
    await service.start()
    await whole(service, 'sharded', 60_000)
  }
})

const payload = randomBytes(100).toString('hex')
const lanes = 4
const batch = 50
const preloaded = 20_000
const quick = 2_000

/** Writes without a pause until the connection ends. */
const pour = (place: Place): { readonly acknowledged: readonly string[]; readonly end: () => Promise<void> } => {
  const client = new Redis({ ...place, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  client.on('error', () => undefined) // it ends
  const acknowledged: string[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    for (;;) {
      const keys = Array.from({ length: batch }, (_, at) => `w${next + at}`)
      next += batch
      try {
        const answers = await client.pipeline(keys.map((key) => ['set', key, payload])).exec()
        for (const [at, [error]] of (answers ?? []).entries()) if (error === null) acknowledged.push(keys[at] ?? '')
        if (answers === null || answers.some(([error]) => error !== null)) return
      } catch {
        return
      }
    }
  }
  const running = Promise.all(Array.from({ length: lanes }, lane))
  return {
    acknowledged,
    end: async () => {
      client.disconnect()
      await running
    },
  }
}

test('a primary with an append-only file that dies right after the first sync of its replica comes back from its disk: nothing is lost', async (t) => {
  await using service = await startTestService()
  await makeParameterGroup(service)
  for (const id of ['fresh1', 'fresh2', 'fresh3']) {
    await create(service, id, { nodes: 2, logged: true })
    await whole(service, id)
    const place = await endpoint(service, id)
    const primary = await roleIn(service, id, 'primary')
    const replica = await roleIn(service, id, 'replica')
    const writer = pour(place)
    await until('some data', () => writer.acknowledged.length > preloaded, 60_000)
    process.kill(replica.pid, 'SIGKILL') // it copies everything anew
    const at = await withClient({ host: replica.address, port: replica.port }, async (asking) => {
      let info = ''
      await until(
        'its first sync is over',
        async () => {
          info = await asking.info()
          return !info.includes(`process_id:${replica.pid}\r`) && info.includes('master_link_status:up') && info
        },
        60_000,
      )
      process.kill(primary.pid, 'SIGKILL')
      return (/slave_repl_offset:(\d+)/.exec(info) ?? [])[1]
    })
    const killedAt = performance.now()
    await writer.end()
    await withClient(place, async (reader) => {
      await reader.set('after', '1')
      const pauseMs = performance.now() - killedAt
      await whole(service, id)
      const keys = new Set(await reader.keys('w*'))
      const lost = writer.acknowledged.filter((key) => !keys.has(key))
      const how = (await roleIn(service, id, 'primary')).id === primary.id ? 'came back' : 'was replaced'
      t.diagnostic(
        `${writer.acknowledged.length} writes, the replica was at ${at}; ${lost.length} lost; the primary ${how}, writes paused for ${pauseMs.toFixed(0)} ms`,
      )
      assert.deepEqual(lost.slice(0, 5), [])
      assert.ok(pauseMs < quick + 1_000, `writes paused for ${pauseMs} ms`)
    })
  }
})
