/** What a fault is, whom it is done to, and what several of them do. */
import { setTimeout as delay } from 'node:timers/promises'
import type { NodeLayout, ShardLayout } from './groups.ts'
import type { Ward } from './health.ts'
import type { Processes } from './processes.ts'
import type { FaultShape, Target } from './schedule.ts'
import type { Draw } from './seeded.ts'
import type { Need, Tools } from './tools.ts'

export interface Scene {
  readonly ward: Ward
  readonly processes: Processes
  readonly tools: Tools
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
  /** What the machine must have for it, or let us do; without it the fault is left out, and said. */
  readonly needs?: Need
  /** Whoever else uses the machine notices it. */
  readonly isHeavy?: true
  /** Do the primaries of the targets (of all shards, where it has no targets) move, stay, or is either right? */
  readonly roles: 'move' | 'stay' | 'either'
  /** Shards beside the targets whose primary may move too. */
  readonly mayMove?: (shard: ShardLayout) => boolean
  /** Resolves when the last thing has been done. */
  readonly inject: (scene: Scene) => Promise<void>
}

interface Cast {
  readonly shard: ShardLayout
  readonly primary: NodeLayout
  readonly replicas: readonly NodeLayout[]
}

export const castOf = ({ ward }: Scene, shard: ShardLayout): Cast => {
  const id = ward.world.primaryOf(shard.group, shard.shard)
  const primary = shard.nodes.find((node) => node.id === id)
  if (primary === undefined) throw new Error(`expected ${shard.key} to have a primary`)
  return { shard, primary, replicas: shard.nodes.filter((node) => node !== primary) }
}

export const signal = (scene: Scene, shard: ShardLayout, node: NodeLayout, name: 'SIGKILL' | 'SIGSTOP'): void => {
  const pid = scene.ward.world.pidOf(shard.group, node.id)
  const done = pid !== null && scene.processes.signal(pid, name)
  if (done) scene.struck(shard, node)
  scene.tell(`${name} ${node.id} (process ${pid})${done ? '' : ', which was gone'}`)
}

export const each = async (scene: Scene, work: (cast: Cast) => Promise<void> | void): Promise<void> => {
  await Promise.all(scene.targets.map(async (shard) => work(castOf(scene, shard))))
}

export const restartLarder = async (scene: Scene, awayMs: number): Promise<void> => {
  const { service } = scene.ward
  scene.tell(`SIGKILL Larder (process ${service.pid()})`)
  await service.kill()
  await delay(awayMs)
  await service.start()
  scene.tell(`Larder is back after ${awayMs} ms (process ${service.pid()})`)
}

export const hasReplica = ({ replicas }: Target): boolean => replicas > 0
export const hasTwo = ({ replicas }: Target): boolean => replicas > 1
export const isPlain = ({ kind, replicas }: Target): boolean => kind === 'cmd' && replicas > 0

export const killed = { planned: false, mayLose: true } as const
export const harmless = { planned: false, mayLose: false } as const
export const planned = { planned: true, mayLose: false, roles: 'move' } as const
