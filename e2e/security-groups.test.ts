/** Security groups in force: allowed and refused sources beside each other, against real engines. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  AuthorizeCacheSecurityGroupIngressCommand,
  type CacheCluster,
  CreateCacheClusterCommand,
  CreateCacheSecurityGroupCommand,
  type CreateReplicationGroupCommandInput,
  DeleteReplicationGroupCommand,
  DescribeCacheClustersCommand,
  DescribeReplicationGroupsCommand,
  ModifyReplicationGroupCommand,
  type ReplicationGroup,
  RevokeCacheSecurityGroupIngressCommand,
} from '@aws-sdk/client-elasticache'
import { createClient, createCluster } from '@redis/client'
import { findTool } from '../packages/service/src/engines/tools.ts'
import { guardTableOf } from '../packages/service/src/host/firewall.ts'
import { canUseNftables } from '../packages/service/src/host/nftables-try.ts'
import { allow, ec2, newSecurityGroup, revoke } from './support/ec2.ts'
import { createRequest } from './support/groups.ts'
import { app, guards, type Place, reach, refused, stranger } from './support/reaching.ts'
import { startTestService, type TestService, until } from './support/service.ts'

const capability = await canUseNftables(findTool('nft', process.env))
const skip = capability.ok ? false : `security groups need nftables: ${capability.reason}`

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
  await client.send(createRequest(id, { AutomaticFailoverEnabled: input.NumNodeGroups !== undefined, ...input }))
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

const tables = (): string => {
  const [program = 'nft', ...args] = findTool('nft', process.env) ?? []
  return spawnSync(program, [...args, 'list', 'tables'], { encoding: 'utf8' }).stdout
}

test('a group lets in whom its security groups name, at every endpoint, and rules change while it runs', { skip }, async () => {
  await using service = await startTestService()
  const table = await guardTableOf(service.home)
  const web = await newSecurityGroup(service, 'web')
  await allow(service, web, { port: 6379, from: '127.1.0.0/16' })

  // Tried from the moment at which it is asked for: at no time does a stranger get in.
  const outcomes = new Set<string>()
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

const cluster = async (service: TestService, id: string): Promise<CacheCluster> =>
  until(
    `${id} available`,
    async () => (await clusters(service)).find((each) => each.CacheClusterId === id && each.CacheClusterStatus === 'available'),
    30_000,
  )

describe('groups of other kinds, in one home', { skip }, () => {
  let service: TestService
  before(async () => {
    service = await startTestService()
  })
  after(() => service[Symbol.asyncDispose]())

  test('a sharded group is guarded at every node and at its configuration endpoint, its bus too', async () => {
    const id = await newSecurityGroup(service, 'shards')
    await allow(service, id, { port: 6379, from: '127.1.0.0/16' })
    const shown = await newGroup(service, 'sharded', { NumNodeGroups: 3, ReplicasPerNodeGroup: 1, SecurityGroupIds: [id] })
    const nodes = (await clusters(service)).filter(({ ReplicationGroupId }) => ReplicationGroupId === 'sharded')
    const places = nodes.map(({ CacheNodes: [node] = [] }) => node?.Endpoint)
    assert.equal(places.length, 6)
    await guards([shown.ConfigurationEndpoint, ...places])
    assert.equal(await reach({ ...places[0], Port: 16_379 }, app), refused, 'the rule is for 6379')
    const sharded = createCluster({
      rootNodes: [{ socket: { host: `${shown.ConfigurationEndpoint?.Address}`, port: 6379 } }],
      defaults: { socket: { localAddress: app } },
    })
    sharded.on('error', () => undefined) // told by the commands
    await sharded.connect()
    for (let index = 0; index < 20; index += 1) await sharded.set(`key${index}`, 'value')
    sharded.destroy()
  })

  test('a Memcached cluster of the time before VPCs lets in the members of the security groups that it names', async () => {
    const client = service.client()
    const apps = await newSecurityGroup(service, 'apps')
    await ec2(service, 'CreateTags', { 'ResourceId.1': apps, 'Tag.1.Key': 'larder:members', 'Tag.1.Value': '127.1.2.3' })
    await client.send(new CreateCacheSecurityGroupCommand({ CacheSecurityGroupName: 'old', Description: 'old' }))
    await client.send(
      new CreateCacheClusterCommand({
        CacheClusterId: 'mc',
        Engine: 'memcached',
        CacheNodeType: 'cache.t4g.micro',
        NumCacheNodes: 2,
        CacheSecurityGroupNames: ['old'],
      }),
    )
    const shown = await cluster(service, 'mc')
    const places = [shown.ConfigurationEndpoint, ...(shown.CacheNodes ?? []).map(({ Endpoint }) => Endpoint)]
    assert.equal(places.length, 3)
    const version = 'version\r\n'
    for (const place of places) assert.equal(await reach(place ?? {}, app, version), refused, 'nobody is authorised yet')
    const ingress = {
      CacheSecurityGroupName: 'old',
      EC2SecurityGroupName: 'apps',
      EC2SecurityGroupOwnerId: '000000000000',
    }
    await client.send(new AuthorizeCacheSecurityGroupIngressCommand(ingress))
    await until('the members are let in', async () => (await reach(places[0] ?? {}, app, version)) === 'reached')
    await guards(places, version)
    await guards([shown.ConfigurationEndpoint], 'config get cluster\r\n')
    assert.deepEqual((await cluster(service, 'mc')).CacheSecurityGroups, [{ CacheSecurityGroupName: 'old', Status: 'active' }])
    await client.send(new RevokeCacheSecurityGroupIngressCommand(ingress))
    await until('they are not any more', async () => (await reach(places[0] ?? {}, app, version)) === refused)
    client.destroy()
  })

  test('a security group as source is the nodes of the groups that have it; nobody else may take their addresses', async () => {
    const front = await newSecurityGroup(service, 'front')
    await allow(service, front, { from: '0.0.0.0/0' })
    const back = await newSecurityGroup(service, 'back')
    await allow(service, back, { port: 6379, from: front })
    const source = nodesOf(await newGroup(service, 'front', { SecurityGroupIds: [front] }))[0]?.Address
    const [target] = nodesOf(await newGroup(service, 'back', { SecurityGroupIds: [back] }))
    assert.ok(source !== undefined && target !== undefined)
    assert.equal(await reach(target, source), 'reached')
    assert.equal(await reach(target, app), refused)
    if (process.getuid?.() !== 0) return
    const script = `const { connect } = await import('node:net')
      const socket = connect({ host: '${target.Address}', port: 6379, localAddress: '${source}' })
      socket.on('connect', () => { console.log('reached'); socket.destroy() })
      socket.on('error', (error) => console.log(error.code))`
    const other = { uid: 65_534, gid: 65_534, encoding: 'utf8', cwd: '/' } as const
    const tried = spawnSync('node', ['--input-type=module', '-e', script], { ...other, env: { PATH: process.env['PATH'] } })
    assert.equal(tried.stdout.trim(), refused, tried.stderr)
  })

  test('the default group guards every group that names none, once it does not let everybody in', async () => {
    const open = nodesOf(await newGroup(service, 'open'))[0] ?? {}
    assert.equal(await reach(open, stranger), 'reached')
    const everybody = { GroupName: 'default', IpProtocol: '-1', CidrIp: '0.0.0.0/0' }
    await ec2(service, 'RevokeSecurityGroupIngress', everybody)
    await until('strangers are refused', async () => (await reach(open, stranger)) === refused)
    await ec2(service, 'AuthorizeSecurityGroupIngress', everybody)
    await until('everybody is let in again', async () => (await reach(open, stranger)) === 'reached')
  })

  test('the command line lets in and takes back, with ports by the names of services', async () => {
    const shown = await newGroup(service, 'told')
    const [place] = nodesOf(shown)
    assert.ok(place !== undefined)
    assert.match(service.larder('allow', 'told'), /^told\n +every port +from everybody\n +every port +from members of sg-\w+\n$/)
    assert.match(service.larder('allow', 'told', app, 'redis'), /^told\n +6379 \(redis, valkey\) +from 127\.1\.2\.3\n$/)
    await guards([place])
    assert.match(service.larder('allow', 'told', '127.2.0.0/16', '6379-6380'), /6379-6380 +from 127\.2\.0\.0\/16\n/)
    await until('a stranger is let in', async () => (await reach(place, stranger)) === 'reached')
    assert.equal(service.larder('allow', 'told', app, 'valkey').split('\n').length, 4, 'once is enough')
    service.larder('revoke', 'told', '127.2.0.0/16', '6379-6380')
    await until('the stranger is refused', async () => (await reach(place, stranger)) === refused)
    assert.match(service.larder('revoke', 'told', app), /^told\n +nobody may connect\n$/)
    assert.throws(() => service.larder('revoke', 'told', app), /no rule of told says: 6379/)

    // Rules of a cache of the same name that is gone let nobody into the next one.
    const old = await newSecurityGroup(service, 'larder-again')
    await allow(service, old, { from: '0.0.0.0/0' })
    const [again] = nodesOf(await newGroup(service, 'again'))
    assert.match(service.larder('allow', 'again', app), /^again\n +6379 \(redis, valkey\) +from 127\.1\.2\.3\n$/)
    await guards([again])
    assert.throws(() => service.larder('allow', 'told', app, 'gopher'), /one of ftp, ssh/)
    for (const unserved of ['http', '6380-6400'])
      assert.throws(
        () => service.larder('allow', 'told', app, unserved),
        /expected a port or a range with 6379, at which told serves/,
      )
    assert.throws(() => service.larder('allow', 'told', 'somebody'), /an address, a network or a security group/)
    assert.throws(() => service.larder('allow', 'mc', app), /has cache security groups/)
  })

  test('two homes do not meet: what one guards is not in the table of the other, and goes with its own', async () => {
    await using second = await startTestService()
    const id = await newSecurityGroup(second, 'closed')
    const [place] = nodesOf(await newGroup(second, 'closed', { SecurityGroupIds: [id] }))
    const mine = await guardTableOf(service.home)
    const theirs = await guardTableOf(second.home)
    assert.notEqual(mine, theirs)
    assert.ok(tables().includes(mine) && tables().includes(theirs), tables())
    assert.equal(await reach(place ?? {}, app), refused)
    await second.end()
    second.larder('down')
    assert.ok(tables().includes(mine) && !tables().includes(theirs), tables())
    await second.start()
  })
})

test('where nftables may not be used security groups are refused, or taken without effect where that is accepted', async () => {
  await using service = await startTestService({ extra: { LARDER_NFTABLES: 'off' } })
  const id = await newSecurityGroup(service, 'closed')
  await assert.rejects(newGroup(service, 'demo', { SecurityGroupIds: [id] }), {
    name: 'InvalidParameterValueException',
    message: /LARDER_NFTABLES=off.*LARDER_SECURITY_GROUPS=unenforced/,
  })
  const everybody = { GroupName: 'default', IpProtocol: '-1', CidrIp: '0.0.0.0/0' }
  await assert.rejects(ec2(service, 'RevokeSecurityGroupIngress', everybody), /UnsupportedOperation/)
  await newGroup(service, 'plain')
  await service.end()
  await service.start({ LARDER_SECURITY_GROUPS: 'unenforced' })
  const [place] = nodesOf(await newGroup(service, 'demo', { SecurityGroupIds: [id] }))
  assert.equal(await reach(place ?? {}, stranger), 'reached')

  // A home that says nothing of the kind any more opens nothing of that group.
  await service.end()
  service.larder('down')
  await service.start()
  const isServed = async (group: string): Promise<boolean> =>
    (await service.nodes()).some((node) => node.id.startsWith(group) && node.pid !== null)
  await until('the other group is back', () => isServed('plain'))
  assert.equal(await isServed('demo'), false)
  await until('the reason is told', () => /security groups cannot be put in force/.test(service.larder('status')))
})
