/** Nodes that die, hang or are busy. */
import { setTimeout as delay } from 'node:timers/promises'
import { ReplyError } from '../packages/service/src/engines/valkey/resp.ts'
import { slowness } from '../packages/service/src/testing/busy-machine.ts'
import { infoOf, openLink } from './asking.ts'
import type { NodeLayout, ShardLayout } from './groups.ts'
import { castOf, each, type Fault, harmless, hasReplica, hasTwo, killed, type Scene, signal } from './scene.ts'

/** The one to which most has come at this moment. */
const best = async (replicas: readonly NodeLayout[]): Promise<NodeLayout> => {
  const offsets = await Promise.all(
    replicas.map(async (node) => ({ node, offset: Number((await infoOf(node, 'replication')).get('slave_repl_offset') ?? -1) })),
  )
  const found = offsets.toSorted((a, b) => b.offset - a.offset)[0]
  if (found === undefined) throw new Error('expected a replica')
  return found.node
}

const movedDeadlineMs = 10_000 * slowness

/** The next target of a shard that lost its primary. */
export const untilMoved = async (scene: Scene, shard: ShardLayout, former: NodeLayout): Promise<NodeLayout> => {
  const deadline = performance.now() + movedDeadlineMs
  for (;;) {
    const { primary } = castOf(scene, shard)
    if (primary !== former) return primary
    if (performance.now() > deadline) throw new Error(`${former.id} is still primary of ${shard.key} after ${movedDeadlineMs} ms`)
    await delay(1)
  }
}

export const kills: readonly Fault[] = [
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

export const hangs: readonly Fault[] = [
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

const busyDeadlineMs = 30_000 * slowness

export const busy: Fault = {
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
