/** Security groups in force: allowed and refused sources beside each other, against real engines. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  type CacheCluster,
  CreateReplicationGroupCommand,
  type CreateReplicationGroupCommandInput,
  DeleteReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeReplicationGroupsCommand,
  ModifyReplicationGroupCommand,
  type ReplicationGroup,
} from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { guardTableOf } from '../packages/service/src/host/firewall.ts'
import { canUseNftables } from '../packages/service/src/host/nftables-try.ts'
import { allow, ec2, newSecurityGroup, revoke } from './support/ec2.ts'
import { startTestService, type TestService, until } from './support/service.ts'

const capability = await canUseNftables(['nft'])
const skip = capability.ok ? false : `security groups need nftables: ${capability.reason}`

interface Place {
  readonly Address?: string | undefined
  readonly Port?: number | undefined
}

const app = '127.1.2.3'
const stranger = '127.2.2.3'

type Outcome = 'reached' | 'EHOSTUNREACH' | string

/** Opens a connection from an address and asks for one answer. */
const reach = ({ Address, Port }: Place, from: string, question = 'PING\r\n'): Promise<Outcome> =>
  new Promise((resolve) => {
    assert.ok(Address !== undefined && Port !== undefined)
    const socket = connect({ host: Address, port: Port, localAddress: from })
    const end = (outcome: Outcome): void => {
      socket.destroy()
      resolve(outcome)
    }
    socket.setTimeout(5_000, () => end('no answer'))
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    socket.on('connect', () => socket.write(question))
    socket.on('data', () => end('reached'))
    socket.on('close', () => end('closed'))
  })

const refused = 'EHOSTUNREACH'

/** Each of these places lets the one in and not the other. */
const guards = async (places: readonly (Place | undefined)[], question?: string): Promise<void> => {
  for (const place of places) {
    assert.ok(place !== undefined)
    assert.equal(await reach(place, app, question), 'reached', `${place.Address} from ${app}`)
    assert.equal(await reach(place, stranger, question), refused, `${place.Address} from ${stranger}`)
  }
}

const group = async (service: TestService, id: string): Promise<ReplicationGroup> => {
  const client = service.client()
  try {
    return await until(
      `${id} available`,
      async () => {
        const { ReplicationGroups: [found] = [] } = await client.send(
          new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
        )
        return found?.Status === 'available' && found
      },
      30_000,
    )
  } finally {
    client.destroy()
  }
}

const clusters = async (service: TestService): Promise<readonly CacheCluster[]> => {
  const client = service.client()
  const { CacheClusters = [] } = await client.send(new DescribeCacheClustersCommand({ ShowCacheNodeInfo: true }))
  client.destroy()
  return CacheClusters
}

const newGroup = async (
  service: TestService,
  id: string,
  input: Partial<CreateReplicationGroupCommandInput> = {},
): Promise<ReplicationGroup> => {
  const client = service.client()
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: id,
      ReplicationGroupDescription: id,
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.micro',
      ...input,
    }),
  )
  client.destroy()
  return group(service, id)
}

const modify = async (service: TestService, id: string, securityGroups: readonly string[]): Promise<void> => {
  const client = service.client()
  await client.send(new ModifyReplicationGroupCommand({ ReplicationGroupId: id, SecurityGroupIds: [...securityGroups] }))
  client.destroy()
  await until('the security groups are in force', async () => {
    const [member] = (await clusters(service)).filter(({ ReplicationGroupId }) => ReplicationGroupId === id)
    const shown = (member?.SecurityGroups ?? []).map(({ SecurityGroupId, Status }) => `${SecurityGroupId} ${Status}`)
    return `${shown}` === `${securityGroups.map((each) => `${each} active`)}`
  })
}

const nodesOf = (shown: ReplicationGroup): readonly (Place | undefined)[] =>
  (shown.NodeGroups ?? []).flatMap(({ NodeGroupMembers = [] }) => NodeGroupMembers.map(({ ReadEndpoint }) => ReadEndpoint))

const tables = (): string => spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout

test('a group lets in whom its security groups name, at every endpoint, and rules change while it runs', { skip }, async () => {
  await using service = await startTestService()
  const table = await guardTableOf(service.home)
  const web = await newSecurityGroup(service, 'web')
  await allow(service, web, { port: 6379, from: '127.1.0.0/16' })

  // Tried from the moment at which it is asked for: at no time does a stranger get in.
  const outcomes = new Set<Outcome>()
  const { first } = JSON.parse(readFileSync(join(service.home, 'block.json'), 'utf8')) as { first: number }
  const coming = [1, 2, 3].map((zone) => ({ Address: `127.${first + zone}.0.1`, Port: 6379 }))
  const creating = { done: false }
  const trying = (async () => {
    while (!creating.done) for (const place of coming) outcomes.add(await reach(place, stranger))
  })()
  const shown = await newGroup(service, 'demo', { NumCacheClusters: 3, AutomaticFailoverEnabled: true, SecurityGroupIds: [web] })
  creating.done = true
  await trying
  assert.deepEqual(
    coming.map(({ Address }) => Address),
    nodesOf(shown)
      .map((place) => place?.Address)
      .toSorted(),
  )
  assert.ok(!outcomes.has('reached') && !outcomes.has('closed'), [...outcomes].join())

  const [shard] = shown.NodeGroups ?? []
  const endpoints = [shard?.PrimaryEndpoint, shard?.ReaderEndpoint, ...nodesOf(shown)]
  assert.equal(endpoints.length, 5)
  await guards(endpoints)
  assert.deepEqual((await clusters(service))[0]?.SecurityGroups, [{ SecurityGroupId: web, Status: 'active' }])

  const client = createClient({
    socket: { host: `${shard?.PrimaryEndpoint?.Address}`, port: 6379, localAddress: app, reconnectStrategy: false },
  })
  client.on('error', () => undefined) // told by the commands
  await client.connect()
  await client.set('key', 'value')

  // Revoked: nobody new; who is in stays, as on AWS.
  await revoke(service, web, { port: 6379, from: '127.1.0.0/16' })
  await until('the rule is gone', async () => (await reach(endpoints[0] ?? {}, app)) === refused)
  assert.equal(await client.get('key'), 'value')
  client.destroy()
  await allow(service, web, { port: 6400, from: '127.1.0.0/16' })
  assert.equal(await reach(endpoints[0] ?? {}, app), refused, 'another port')

  // Another security group, in addition.
  const db = await newSecurityGroup(service, 'db')
  await allow(service, db, { from: `${stranger}/32` })
  await modify(service, 'demo', [web, db])
  assert.equal(await reach(endpoints[0] ?? {}, stranger), 'reached')
  assert.equal(await reach(endpoints[1] ?? {}, stranger), 'reached')
  assert.equal(await reach(endpoints[0] ?? {}, app), refused)
  await assert.rejects(ec2(service, 'DeleteSecurityGroup', { GroupId: db }), /DependencyViolation/)

  // Larder dies and comes back: the rules stay, also while it is away.
  await service.kill()
  assert.equal(await reach(endpoints[0] ?? {}, app), refused)
  assert.equal(await reach(endpoints[0] ?? {}, stranger), 'reached')
  await service.start()
  assert.equal(await reach(endpoints[0] ?? {}, app), refused)
  await modify(service, 'demo', [db])
  await ec2(service, 'DeleteSecurityGroup', { GroupId: web })

  // Down takes them away, up brings them back.
  await service.end()
  service.larder('down')
  assert.ok(!tables().includes(table), tables())
  await service.start()
  await group(service, 'demo')
  assert.equal(await reach(endpoints[0] ?? {}, app), refused)
  assert.equal(await reach(endpoints[0] ?? {}, stranger), 'reached')

  const deleting = service.client()
  await deleting.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: 'demo' }))
  deleting.destroy()
  await until('no rule is left', () => !tables().includes(table))
  await ec2(service, 'DeleteSecurityGroup', { GroupId: db })
})
