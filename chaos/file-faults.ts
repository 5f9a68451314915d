/** Files of nodes that are damaged while nobody looks: Larder is away, the node is dead, and its data is overwritten. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { NodeLayout, ShardLayout } from './groups.ts'
import { each, type Fault, harmless, hasReplica, killed, type Scene, signal } from './scene.ts'

const endDeadlineMs = 10_000

const untilGone = async (pid: number | null): Promise<void> => {
  const deadline = performance.now() + endDeadlineMs
  while (pid !== null && existsSync(`/proc/${pid}/fd`)) {
    if (performance.now() > deadline) throw new Error(`process ${pid} is still there after ${endDeadlineMs} ms`)
    await delay(2)
  }
}

/** A part of its append-only file where it has one; else a dump that was never its own, of one whose data is elsewhere. */
const harm = (scene: Scene, shard: ShardLayout, node: NodeLayout, isElsewhere: boolean): void => {
  const folder = join(scene.ward.service.home, 'nodes', shard.region, node.id)
  const log = join(folder, 'appendonlydir')
  const parts = existsSync(log) ? readdirSync(log).filter((name) => /\.(?:incr|base)\./.test(name)) : []
  if (parts.length === 0 && !isElsewhere) return
  const path = parts.length === 0 ? join(folder, 'dump.rdb') : join(log, scene.draw.pick(parts))
  writeFileSync(path, 'this was no file of an engine')
  scene.tell(`${path} is overwritten`)
}

const endAndHarm = async (scene: Scene, shard: ShardLayout, nodes: readonly NodeLayout[], victim: NodeLayout): Promise<void> => {
  const pids = nodes.map((node) => scene.ward.world.pidOf(shard.group, node.id))
  for (const node of nodes) signal(scene, shard, node, 'SIGKILL')
  for (const pid of pids) await untilGone(pid)
  harm(scene, shard, victim, nodes.length < shard.nodes.length)
}

const whileAway = async (scene: Scene, work: () => Promise<void>): Promise<void> => {
  const { service } = scene.ward
  scene.tell(`SIGKILL Larder (process ${service.pid()})`)
  await service.kill()
  try {
    await work()
  } finally {
    await service.start()
  }
  scene.tell(`Larder is back (process ${service.pid()})`)
}

export const damages: readonly Fault[] = [
  {
    ...harmless,
    name: 'damage-replica',
    roles: 'stay',
    most: 2,
    suits: hasReplica,
    inject: (scene) =>
      whileAway(scene, () =>
        each(scene, ({ shard, replicas }) => {
          const victim = scene.draw.pick(replicas)
          return endAndHarm(scene, shard, [victim], victim)
        }),
      ),
  },
  {
    // All nodes of a shard are gone, and the newest files do not load: the next best copy starts.
    ...killed,
    name: 'damage-primary-of-lost-shard',
    roles: 'either',
    most: 1,
    suits: hasReplica,
    inject: (scene) =>
      whileAway(scene, () => each(scene, ({ shard, primary }) => endAndHarm(scene, shard, shard.nodes, primary))),
  },
]
