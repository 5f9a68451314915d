/** What is done to the groups, and what may come of it. */
import { setTimeout as delay } from 'node:timers/promises'
import { ModifyReplicationGroupCommand, RebootCacheClusterCommand, TestFailoverCommand } from '@aws-sdk/client-elasticache'
import { ReplyError } from '../packages/service/src/engines/valkey/resp.ts'
import { infoOf, openLink } from './asking.ts'
import { type NodeLayout, regions, type ShardLayout } from './groups.ts'
import type { Ward } from './health.ts'
import { larder } from './larder.ts'
import type { Processes } from './processes.ts'
import type { FaultShape, Target } from './schedule.ts'
import type { Draw } from './seeded.ts'

export interface Scene {
  readonly ward: Ward
  readonly processes: Processes
  readonly targets: readonly ShardLayout[]
  readonly draw: Draw
  /** A line for people: what was done to whom. */
  readonly tell: (line: string) => void
  /** A process of a node got a signal that it does not survive. */
  readonly struck: (shard: ShardLayout, node: NodeLayout) => void
  /** The operation was refused because it was called too often. */
  readonly refused: () => void
}

export interface Fault extends FaultShape {
  /** A planned switch: nothing that was acknowledged may be lost. */
  readonly planned: boolean
  /** May an acknowledged write be lost? Replication is asynchronous: where a primary dies. */
  readonly mayLose: boolean
  /** Do the primaries of the targets (of all shards, where it has no targets) move, stay, or is either right? */
  readonly roles: 'move' | 'stay' | 'either'
  /** Resolves when the last thing has been done. */
  readonly inject: (scene: Scene) => Promise<void>
}

interface Cast {
  readonly shard: ShardLayout
  readonly primary: NodeLayout
  readonly replicas: readonly NodeLayout[]
}

const castOf = ({ ward }: Scene, shard: ShardLayout): Cast => {
  const id = ward.world.primaryOf(shard.group, shard.shard)
  const primary = shard.nodes.find((node) => node.id === id)
  if (primary === undefined) throw new Error(`expected ${shard.key} to have a primary`)
  return { shard, primary, replicas: shard.nodes.filter((node) => node !== primary) }
}

const signal = (scene: Scene, shard: ShardLayout, node: NodeLayout, name: 'SIGKILL' | 'SIGSTOP'): void => {
  const pid = scene.ward.world.pidOf(shard.group, node.id)
  const done = pid !== null && scene.processes.signal(pid, name)
  if (done) scene.struck(shard, node)
  scene.tell(`${name} ${node.id} (process ${pid})${done ? '' : ', which was gone'}`)
}

const each = async (scene: Scene, work: (cast: Cast) => Promise<void> | void): Promise<void> => {
  await Promise.all(scene.targets.map(async (shard) => work(castOf(scene, shard))))
}

/** The one to which most has come at this moment. */
const best = async (replicas: readonly NodeLayout[]): Promise<NodeLayout> => {
  const offsets = await Promise.all(
    replicas.map(async (node) => ({ node, offset: Number((await infoOf(node, 'replication')).get('slave_repl_offset') ?? -1) })),
  )
  const found = offsets.toSorted((a, b) => b.offset - a.offset)[0]
  if (found === undefined) throw new Error('expected a replica')
  return found.node
}

const restartLarder = async (scene: Scene, awayMs: number): Promise<void> => {
  const { service } = scene.ward
  scene.tell(`SIGKILL Larder (process ${service.pid()})`)
  await service.kill()
  await delay(awayMs)
  await service.start()
  scene.tell(`Larder is back after ${awayMs} ms (process ${service.pid()})`)
}

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

const movedDeadlineMs = 10_000

/** The next target of a shard that lost its primary. */
const untilMoved = async (scene: Scene, shard: ShardLayout, former: NodeLayout): Promise<NodeLayout> => {
  const deadline = performance.now() + movedDeadlineMs
  for (;;) {
    const { primary } = castOf(scene, shard)
    if (primary !== former) return primary
    if (performance.now() > deadline) throw new Error(`${former.id} is still primary of ${shard.key} after ${movedDeadlineMs} ms`)
    await delay(1)
  }
}

const hasReplica = ({ replicas }: Target): boolean => replicas > 0
const hasTwo = ({ replicas }: Target): boolean => replicas > 1
const isPlain = ({ kind, replicas }: Target): boolean => kind === 'cmd' && replicas > 0

const killed = { planned: false, mayLose: true } as const
const harmless = { planned: false, mayLose: false } as const
const planned = { planned: true, mayLose: false, roles: 'move' } as const

const kills: readonly Fault[] = [
  {
    ...killed,
    name: 'kill-primary',
    roles: 'move',
    most: 3,
    suits: hasReplica,
    inject: (scene) => each(scene, ({ shard, primary }) => signal(scene, shard, primary, 'SIGKILL')),
  },
  {
    ...harmless,
    name: 'kill-replica',
    roles: 'stay',
    most: 3,
    suits: hasReplica,
    inject: (scene) => each(scene, ({ shard, replicas }) => signal(scene, shard, scene.draw.pick(replicas), 'SIGKILL')),
  },
  {
    ...harmless,
    name: 'kill-all-replicas',
    roles: 'stay',
    most: 2,
    suits: hasTwo,
    inject: (scene) =>
      each(scene, ({ shard, replicas }) => {
        for (const node of replicas) signal(scene, shard, node, 'SIGKILL')
      }),
  },
  {
    ...killed,
    name: 'kill-primary-and-best',
    // The first one may be back, and in sync again, before the other one goes.
    roles: 'either',
    most: 2,
    suits: hasTwo,
    inject: async (scene) => {
      const pause = scene.draw.whole(0, 100)
      await each(scene, async ({ shard, primary, replicas }) => {
        const heir = await best(replicas)
        signal(scene, shard, primary, 'SIGKILL')
        await delay(pause)
        signal(scene, shard, heir, 'SIGKILL')
      })
    },
  },
  {
    ...killed,
    name: 'kill-new-primary',
    roles: 'either',
    most: 2,
    suits: hasTwo,
    inject: async (scene) => {
      const pauseMs = scene.draw.whole(0, 40)
      await each(scene, async ({ shard, primary }) => {
        signal(scene, shard, primary, 'SIGKILL')
        const heir = await untilMoved(scene, shard, primary)
        await delay(pauseMs)
        signal(scene, shard, heir, 'SIGKILL')
      })
    },
  },
  {
    ...killed,
    name: 'kill-shard',
    roles: 'either',
    most: 2,
    suits: () => true,
    inject: (scene) =>
      each(scene, ({ shard }) => {
        for (const node of scene.draw.shuffle(shard.nodes)) signal(scene, shard, node, 'SIGKILL')
      }),
  },
]

const hangs: readonly Fault[] = [
  {
    ...killed,
    name: 'hang',
    roles: 'move',
    most: 2,
    suits: hasReplica,
    inject: (scene) => each(scene, ({ shard, primary }) => signal(scene, shard, primary, 'SIGSTOP')),
  },
  {
    ...killed,
    name: 'hang-and-wake',
    roles: 'either',
    most: 2,
    suits: hasReplica,
    inject: async (scene) => {
      const awayMs = scene.draw.whole(50, 3_000)
      await each(scene, async ({ shard, primary }) => {
        const pid = scene.ward.world.pidOf(shard.group, primary.id)
        signal(scene, shard, primary, 'SIGSTOP')
        await delay(awayMs)
        const woken = pid !== null && scene.processes.signal(pid, 'SIGCONT')
        scene.tell(`SIGCONT ${primary.id} after ${awayMs} ms${woken ? '' : ', which was gone'}`)
      })
    },
  },
  {
    // Nobody is there to take over: the primary is waited for, and has lost nothing when it wakes.
    ...killed,
    name: 'hang-shard',
    roles: 'either',
    most: 1,
    suits: hasReplica,
    inject: async (scene) => {
      const awayMs = scene.draw.whole(200, 3_000)
      await each(scene, async ({ shard }) => {
        for (const node of scene.draw.shuffle(shard.nodes)) {
          const pid = scene.ward.world.pidOf(shard.group, node.id)
          if (pid !== null && scene.processes.signal(pid, 'SIGSTOP')) scene.tell(`SIGSTOP ${node.id} (process ${pid})`)
        }
        await delay(awayMs)
        scene.processes.wakeAll()
        scene.tell(`SIGCONT all after ${awayMs} ms`)
      })
    },
  },
  {
    ...harmless,
    name: 'hang-replica',
    roles: 'stay',
    most: 2,
    suits: hasReplica,
    inject: (scene) => each(scene, ({ shard, replicas }) => signal(scene, shard, scene.draw.pick(replicas), 'SIGSTOP')),
  },
]

/** Counts processor time, which is the only clock that goes on within a script; also in steps, so that it ends for certain. */
const busyScript = `
local ends = os.clock() + tonumber(ARGV[1]) / 1000
local steps = 0
while os.clock() < ends and steps < 1e9 do steps = steps + 1 end
return steps`

const busyDeadlineMs = 30_000

const busy: Fault = {
  ...harmless,
  name: 'busy',
  roles: 'stay',
  most: 1,
  suits: () => true,
  inject: async (scene) => {
    const busyMs = scene.draw.whole(500, 3_000)
    await each(scene, async ({ shard, primary }) => {
      scene.tell(`${primary.id} runs a script of ${busyMs} ms`)
      const link = await openLink(primary)
      try {
        const [answer] = await link.send([['EVAL', busyScript, '1', `${shard.tag}:busy`, String(busyMs)]], busyDeadlineMs)
        if (answer instanceof ReplyError) throw answer
      } finally {
        link.close()
      }
    })
  },
}

const larderFaults: readonly Fault[] = [
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

const switches: readonly Fault[] = [
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

const servesDeadlineMs = 10_000

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

const zones: readonly Fault[] = [
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
const storm: Fault = {
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

export const faults: readonly Fault[] = [...kills, ...hangs, busy, ...larderFaults, ...switches, ...zones, storm]
