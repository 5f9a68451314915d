/** Sharded groups on every installed engine: how they are formed, grow, lose a primary and shrink. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { createCluster } from '@redis/client'
import { Cluster } from 'ioredis'
import type { SlotRange } from '../../model/group.ts'
import type { InstalledEngine } from '../../ports/catalog.ts'
import type { ClusterMember, ClusterView, NodePlan } from '../../ports/engine.ts'
import { startStopwatch, until } from '../../testing/busy-machine.ts'
import { bothWays, installed, openYard, parametersFor, type RunningNode, titleOf, type Yard } from '../testing.ts'
import { isStandIn, standInOf } from './cluster-file.ts'

const newId = (): string => randomBytes(20).toString('hex')

const evenly = (shards: number): readonly SlotRange[] =>
  Array.from({ length: shards }, (_, at) => [Math.floor((at * 16_384) / shards), Math.floor(((at + 1) * 16_384) / shards) - 1])

interface Planned {
  readonly member: ClusterMember
  readonly plan: NodePlan
}

/** Plans of a new group: shards of one primary and `replicas` replicas. The strictest setting: no slot may be without an owner. */
const planGroup = async (yard: Yard, engine: InstalledEngine, shards: number, replicas: number): Promise<readonly Planned[]> => {
  const members: ClusterMember[] = []
  for (const [index, range] of evenly(shards).entries()) {
    const primary: ClusterMember = {
      id: newId(),
      address: await yard.address(),
      port: 6379,
      primaryId: null,
      slots: [range],
      configEpoch: index + 1,
    }
    members.push(primary)
    for (let count = 0; count < replicas; count += 1) {
      members.push({ id: newId(), address: await yard.address(), port: 6379, primaryId: primary.id, slots: [], configEpoch: 0 })
    }
  }
  const parameters = parametersFor(engine, true, { 'cluster-require-full-coverage': 'yes' })
  return Promise.all(
    members.map(async (member) => {
      const cluster = { myId: member.id, members, standIns: true }
      return { member, plan: await yard.plan(engine, { kind: 'cme', address: member.address, parameters, cluster }) }
    }),
  )
}

const viewOf = async (node: RunningNode): Promise<ClusterView> => {
  const { cluster } = await node.control.status()
  assert.ok(cluster)
  return cluster
}

/** Every node is content, and its table says exactly what was planned. */
const isFormed = async (nodes: readonly RunningNode[], group: readonly Planned[]): Promise<boolean> => {
  const wanted = group.map(({ member }) => [member.id, member.primaryId, member.slots])
  for (const node of nodes) {
    const view = await viewOf(node)
    const found = wanted
      .map(([id]) => view.nodes.find((each) => each.id === id))
      .map((each) => [each?.id, each?.primaryId, each?.slots])
    if (view.state !== 'ok' || view.nodes.length !== wanted.length || JSON.stringify(found) !== JSON.stringify(wanted))
      return false
  }
  return true
}

const inSync = async (nodes: readonly RunningNode[]): Promise<boolean> => {
  const all = await Promise.all(nodes.map((node) => node.control.status()))
  return all.every(({ replication }) => replication?.role === 'primary' || replication?.linkUp === true)
}

/** The order that docs/decisions/0005-engines.md describes. */
const formGroup = async (yard: Yard, group: readonly Planned[]): Promise<readonly RunningNode[]> => {
  const start = (planned: readonly Planned[]): Promise<readonly RunningNode[]> =>
    Promise.all(planned.map(({ plan }) => yard.start(plan)))
  const isPrimary = ({ member }: Planned): boolean => member.primaryId === null
  const primaries = await start(group.filter(isPrimary))
  await Promise.all(primaries.map((node) => node.control.takeOver()))
  await until('no stand-in has slots', async () => {
    const views = await Promise.all(primaries.map(viewOf))
    return views.every((view) => view.nodes.every((node) => !isStandIn(node.id) || node.slots.length === 0))
  })
  const standIns = group.filter(isPrimary).map(({ member }) => standInOf(member.id))
  await Promise.all(primaries.flatMap((node) => standIns.map((id) => node.control.forget(id))))
  const replicas = await start(group.filter((planned) => !isPrimary(planned)))
  const nodes = [...primaries, ...replicas]
  await until('the group is formed and in sync', async () => (await isFormed(nodes, group)) && (await inSync(nodes)))
  return nodes
}

const at = (nodes: readonly RunningNode[], address: string): RunningNode => {
  const found = nodes.find((node) => node.plan.address === address)
  assert.ok(found, address)
  return found
}

for (const engine of await bothWays(installed('valkey', 'redis'))) {
  describe(`a sharded group on ${titleOf(engine)}`, { concurrency: 2 }, () => {
    it('is formed in a moment when its primaries take over from stand-ins', async () => {
      await using yard = await openYard()
      const group = await planGroup(yard, engine, 3, 1)
      using since = startStopwatch()
      const nodes = await formGroup(yard, group)
      assert.ok(since.ms() < 1_500, `took ${Math.round(since.ms())} ms`)
      const first = nodes[0]
      assert.ok(first)
      const place = { host: first.plan.address, port: first.plan.port }
      const client = createCluster({ rootNodes: [{ url: `redis://${place.host}:${place.port}` }] })
      await client.connect()
      const other = new Cluster([place], { clusterRetryStrategy: () => null })
      try {
        for (let key = 0; key < 60; key += 1) await client.set(`key-${key}`, String(key))
        for (let key = 0; key < 60; key += 1) assert.equal(await other.get(`key-${key}`), String(key))
      } finally {
        other.disconnect()
        client.destroy()
      }
    })

    it('is formed by hand, and every step may be taken twice', async () => {
      await using yard = await openYard()
      const [low, high] = evenly(2)
      assert.ok(low && high)
      const nodes = await Promise.all([1, 2, 3].map(async () => yard.start(await yard.plan(engine, { kind: 'cme' }))))
      const [first, second, third] = nodes
      assert.ok(first && second && third)
      for (const _twice of [1, 2]) {
        await first.control.claimSlots([low])
        await second.control.claimSlots([high])
        await first.control.meet([second.plan, third.plan])
      }
      const { myId } = await viewOf(first)
      await until('the third knows the first', async () =>
        (await viewOf(third)).nodes.some((node) => node.id === myId && !node.flags.includes('handshake')),
      )
      await third.control.replicateNode(myId)
      await third.control.replicateNode(myId)
      await until(
        'it is whole',
        async () =>
          (await inSync(nodes)) &&
          (await Promise.all(nodes.map(viewOf))).every((view) => view.state === 'ok' && view.nodes.length === 3),
        10_000,
      )
    })

    it('survives its primary, takes it back as a replica, grows by a node and forgets it again', async () => {
      await using yard = await openYard()
      const group = await planGroup(yard, engine, 1, 1)
      const nodes = await formGroup(yard, group)
      const [oldPlan, heirPlan] = group
      assert.ok(oldPlan && heirPlan)
      const old = at(nodes, oldPlan.member.address)
      const heir = at(nodes, heirPlan.member.address)
      await old.control.command(['SET', 'key', 'value'])
      await until(
        'it is copied',
        async () => (await heir.control.status()).replication?.offset === (await old.control.status()).replication?.offset,
      )
      await old.kill()
      await heir.control.takeOver()
      await heir.control.takeOver()
      assert.equal(await heir.control.command(['GET', 'key']), 'value')

      const { cluster: _first, ...again } = oldPlan.plan
      const back = await yard.start(again)
      await until(
        'the old one has become a replica',
        async () => (await back.control.status()).replication?.role === 'replica' && (await inSync([back])),
      )

      const id = newId()
      const address = await yard.address()
      const alone = { myId: id, members: [{ id, address, port: 6379, primaryId: null, slots: [], configEpoch: 0 }] }
      const added = await yard.start(await yard.plan(engine, { kind: 'cme', address, cluster: alone }))
      await Promise.all([heir, back].map((node) => node.control.meet([added.plan])))
      await until('it is known, and knows', async () => {
        const views = await Promise.all([heir, back, added].map(viewOf))
        return views.every((view) => view.nodes.filter((node) => !node.flags.includes('handshake')).length === 3)
      })
      await added.control.replicateNode(heirPlan.member.id)
      await until('it is in sync', () => inSync([added]))
      await added.kill()
      for (const _twice of [1, 2]) await Promise.all([heir, back].map((node) => node.control.forget(id)))
      for (const node of [heir, back]) assert.equal((await viewOf(node)).nodes.length, 2)
    })
  })
}
