/** Security groups with everything else that moves the ways into a group: encryption in transit and its changes, failover, Memcached with TLS. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import {
  DescribeReplicationGroupsCommand,
  ModifyReplicationGroupCommand,
  type ModifyReplicationGroupCommandInput,
  type ReplicationGroup,
} from '@aws-sdk/client-elasticache'
import { findTool } from '../packages/service/src/engines/tools.ts'
import { canUseNftables } from '../packages/service/src/host/nftables-try.ts'
import { allow, newSecurityGroup } from './support/ec2.ts'
import { createRequest } from './support/groups.ts'
import { create as createCluster, placesOf } from './support/memcached.ts'
import { app, guards, type Place, reach, refused, stranger } from './support/reaching.ts'
import { startTestService, type TestService, until } from './support/service.ts'
import { signalEngine } from './support/signals.ts'

const capability = await canUseNftables(findTool('nft', process.env))
const skip = capability.ok ? false : `security groups need nftables: ${capability.reason}`

const id = 'safe'

const available = (service: TestService): Promise<ReplicationGroup> =>
  until(
    `${id} available`,
    async () => {
      const client = service.client()
      const { ReplicationGroups: [group] = [] } = await client.send(
        new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
      )
      client.destroy()
      return group?.Status === 'available' && group
    },
    30_000,
  )

const modify = async (service: TestService, input: Partial<ModifyReplicationGroupCommandInput>): Promise<ReplicationGroup> => {
  const client = service.client()
  await client.send(new ModifyReplicationGroupCommand({ ReplicationGroupId: id, ApplyImmediately: true, ...input }))
  client.destroy()
  return available(service)
}

/** As `reach`, by TLS. */
const reachTls = ({ Address, Port }: Place, from: string, ca: string, question = 'PING\r\n'): Promise<string> =>
  new Promise((resolve) => {
    assert.ok(Address !== undefined && Port !== undefined)
    const options = { host: Address, port: Port, localAddress: from, ca }
    const socket = connectTls(options, () => socket.write(question))
    const end = (outcome: string): void => {
      socket.destroy()
      resolve(outcome)
    }
    socket.setTimeout(5_000, () => end('no answer'))
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    socket.on('data', () => end('reached'))
    socket.on('close', () => end('closed'))
  })

const guardsTls = async (places: readonly Place[], ca: string, question?: string): Promise<void> => {
  for (const place of places) {
    assert.equal(await reachTls(place, app, ca, question), 'reached', `${place.Address} from ${app}`)
    assert.equal(await reachTls(place, stranger, ca, question), refused, `${place.Address} from ${stranger}`)
  }
}

test('a group stays guarded while encryption in transit comes, and when its primary is lost', { skip }, async () => {
  await using service = await startTestService()
  const web = await newSecurityGroup(service, 'web')
  await allow(service, web, { port: 6379, from: '127.1.0.0/16' })
  const client = service.client()
  await client.send(createRequest(id, { NumCacheClusters: 2, SecurityGroupIds: [web] }))
  client.destroy()
  const { NodeGroups: [shard] = [] } = await available(service)
  const nodes = (shard?.NodeGroupMembers ?? []).map(({ ReadEndpoint = {} }) => ReadEndpoint)
  const places = [shard?.PrimaryEndpoint ?? {}, shard?.ReaderEndpoint ?? {}, ...nodes]
  await guards(places)

  const ca = service.larder('ca')
  await modify(service, { TransitEncryptionEnabled: true, TransitEncryptionMode: 'preferred' })
  await guards(places)
  await guardsTls(places, ca)
  for (const Port of [6380, 6381])
    for (const node of nodes) assert.equal(await reach({ ...node, Port }, app), refused, `the port behind the front, ${Port}`)
  await modify(service, { TransitEncryptionMode: 'required' })
  await guardsTls(places, ca)

  const primary = (await service.nodes()).find(({ role }) => role === 'primary')
  signalEngine(service.home, primary?.pid, 'SIGKILL')
  await until('another primary', async () =>
    (await service.nodes()).some(({ role, id: node }) => role === 'primary' && node !== primary?.id),
  )
  await until('the endpoint has moved', async () => (await reachTls(places[0] ?? {}, app, ca)) === 'reached')
  assert.equal(await reachTls(places[0] ?? {}, stranger, ca), refused)
  await until('the lost node is back', async () =>
    (await service.nodes()).every(({ pid, status }) => pid !== null && status === 'available'),
  )
  await guardsTls(places, ca)
})

test('a Memcached cluster with TLS is guarded at its nodes and at its configuration endpoint', { skip }, async () => {
  await using service = await startTestService()
  const web = await newSecurityGroup(service, 'web')
  await allow(service, web, { port: 11_211, from: '127.1.0.0/16' })
  const { configuration, nodes } = placesOf(await createCluster(service, 'safe', 2, { SecurityGroupIds: [web] }))
  const ca = service.larder('ca')
  const places = [configuration, ...nodes].map(({ host, port }) => ({ Address: host, Port: port }))
  await guardsTls(places, ca, 'version\r\n')
  await guardsTls(places.slice(0, 1), ca, 'config get cluster\r\n')
})
