/** Larder dies, zones are lost, primaries are switched by plan, and all of it at once. */
import { setTimeout as delay } from 'node:timers/promises'
import { ModifyReplicationGroupCommand, RebootCacheClusterCommand, TestFailoverCommand } from '@aws-sdk/client-elasticache'
import { slowness } from '../packages/service/src/testing/busy-machine.ts'
import { regions } from './groups.ts'
import { larder } from './larder.ts'
import { each, type Fault, harmless, hasReplica, isPlain, killed, planned, restartLarder, type Scene, signal } from './scene.ts'

const isLimit = (error: unknown): boolean => error instanceof Error && error.name === 'APICallRateForCustomerExceededFault'

const testFailover = async (scene: Scene): Promise<void> => {
  await each(scene, async ({ shard, primary }) => {
    const client = scene.ward.service.client(shard.region)
    try {
      await client.send(new TestFailoverCommand({ ReplicationGroupId: shard.group, NodeGroupId: shard.shard }))
      scene.tell(`TestFailover of ${shard.key}, of which ${primary.id} is primary`)
    } catch (error) {
      if (!isLimit(error)) throw error
      scene.refused()
      scene.tell(`TestFailover of ${shard.key} is refused: too many in a day`)
    } finally {
      client.destroy()
    }
  })
}

export const larderFaults: readonly Fault[] = [
  {
    ...harmless,
    name: 'larder',
    roles: 'stay',
    most: 0,
    suits: () => false,
    inject: (scene) => restartLarder(scene, scene.draw.whole(0, 1_500)),
  },
  {
    ...killed,
    name: 'larder-in-failover',
    roles: 'either',
    most: 2,
    suits: hasReplica,
    inject: async (scene) => {
      const [afterMs, awayMs] = [scene.draw.whole(0, 80), scene.draw.whole(0, 1_000)]
      await each(scene, ({ shard, primary }) => signal(scene, shard, primary, 'SIGKILL'))
      await delay(afterMs)
      await restartLarder(scene, awayMs)
    },
  },
  {
    ...planned,
    name: 'larder-in-switch',
    most: 2,
    suits: hasReplica,
    inject: async (scene) => {
      const [afterMs, awayMs] = [scene.draw.whole(0, 60), scene.draw.whole(0, 1_000)]
      await testFailover(scene)
      await delay(afterMs)
      await restartLarder(scene, awayMs)
    },
  },
]

export const switches: readonly Fault[] = [
  { ...planned, name: 'test-failover', most: 2, suits: hasReplica, inject: testFailover },
  {
    ...planned,
    name: 'primary-cluster-id',
    most: 2,
    suits: isPlain,
    inject: (scene) =>
      each(scene, async ({ shard, replicas }) => {
        const heir = scene.draw.pick(replicas)
        const client = scene.ward.service.client(shard.region)
        try {
          scene.tell(`ModifyReplicationGroup: ${heir.id} is to be primary of ${shard.key}`)
          await client.send(
            new ModifyReplicationGroupCommand({
              ReplicationGroupId: shard.group,
              PrimaryClusterId: heir.id,
              ApplyImmediately: true,
            }),
          )
        } finally {
          client.destroy()
        }
      }),
  },
  {
    ...planned,
    name: 'reboot-primary',
    most: 2,
    suits: isPlain,
    inject: (scene) =>
      each(scene, async ({ shard, primary }) => {
        const client = scene.ward.service.client(shard.region)
        try {
          scene.tell(`RebootCacheCluster of ${primary.id}, primary of ${shard.key}`)
          await client.send(new RebootCacheClusterCommand({ CacheClusterId: primary.id, CacheNodeIdsToReboot: ['0001'] }))
        } finally {
          client.destroy()
        }
      }),
  },
]

const servesDeadlineMs = 10_000 * slowness

/** Groups with nodes elsewhere go on while the zone is away. */
const untilServing = async ({ ward }: Scene, zone: string, since: number): Promise<void> => {
  const shards = ward.shards.filter((shard) => shard.nodes.some((node) => node.zone !== zone))
  const silent = () =>
    shards
      .flatMap((shard) => ward.writers.lastAcknowledged(shard.key).filter(({ start }) => start < since))
      .map(({ writer }) => writer)
  while (silent().length > 0) {
    if (performance.now() > since + servesDeadlineMs)
      throw new Error(`not written for ${servesDeadlineMs} ms while ${zone} is down: ${silent().join(', ')}`)
    await delay(5)
  }
}

interface Outage {
  readonly zone: string
  readonly awayMs: number
}

const outageOf = ({ draw }: Scene): Outage => ({
  zone: `${draw.pick(regions)}${draw.pick(['a', 'b', 'c'])}`,
  awayMs: draw.whole(0, 2_000),
})

/** From a zone that is down to one that is up. */
const endOutage = async (scene: Scene, { zone, awayMs }: Outage): Promise<void> => {
  scene.tell(`${zone} is down`)
  await untilServing(scene, zone, performance.now())
  await delay(awayMs)
  await larder(scene.ward.service, 'zone', 'up', zone)
  scene.tell(`${zone} is up again, after ${awayMs} ms`)
}

export const zones: readonly Fault[] = [
  {
    ...killed,
    name: 'zone',
    roles: 'either',
    most: 0,
    suits: () => false,
    inject: async (scene) => {
      const outage = outageOf(scene)
      await larder(scene.ward.service, 'zone', 'down', outage.zone)
      await endOutage(scene, outage)
    },
  },
  {
    ...killed,
    name: 'larder-in-zone-loss',
    roles: 'either',
    most: 0,
    suits: () => false,
    inject: async (scene) => {
      const outage = outageOf(scene)
      // The command itself takes about 200 ms to begin.
      const [afterMs, awayMs] = [scene.draw.whole(100, 400), scene.draw.whole(0, 1_000)]
      const asked = larder(scene.ward.service, 'zone', 'down', outage.zone).then(
        () => true,
        () => false,
      )
      await delay(afterMs)
      await restartLarder(scene, awayMs)
      if (!(await asked)) await larder(scene.ward.service, 'zone', 'down', outage.zone)
      await endOutage(scene, outage)
    },
  },
]

const mostStrikes = 8

/** Whoever is in the way. */
export const storm: Fault = {
  ...killed,
  name: 'storm',
  roles: 'either',
  most: 0,
  suits: () => false,
  inject: async (scene) => {
    const { draw, ward } = scene
    const strikes = draw.whole(3, mostStrikes)
    const withLarder = draw.next() < 0.5 ? draw.whole(1, strikes) : 0
    const awayMs = draw.whole(0, 500)
    let restarting = Promise.resolve()
    for (let strike = 1; strike <= strikes; strike += 1) {
      const shard = draw.pick(ward.shards)
      signal(scene, shard, draw.pick(shard.nodes), draw.next() < 0.8 ? 'SIGKILL' : 'SIGSTOP')
      if (strike === withLarder) restarting = restartLarder(scene, awayMs)
      await delay(draw.whole(0, 200))
    }
    await restarting
    // One that hangs alone is waited for, not ended: its end would cost more than it gives.
    scene.processes.wakeAll()
  },
}
