/** The state of Larder is lost, or an older one stands in its place: engines go on, and `larder recover` makes it anew. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { larder, refusedByLarder, statusOf } from './larder.ts'
import { castOf, type Fault, harmless, hasReplica, planned, type Scene } from './scene.ts'

const removeState = (home: string): void => {
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(home, `state.db${suffix}`), { force: true })
}

const copyState = (from: string, to: string): void => {
  for (const suffix of ['', '-wal']) {
    const file = join(from, `state.db${suffix}`)
    if (existsSync(file)) copyFileSync(file, join(to, `state.db${suffix}`))
  }
}

const textOf = (pids: ReadonlyMap<string, number | null>): string =>
  [...pids]
    .map(([node, pid]) => `${node} ${pid}`)
    .toSorted()
    .join(', ')

/** Larder is away already. Every engine has to be the same process afterwards. */
const recover = async (scene: Scene, what: string): Promise<void> => {
  const { service, world } = scene.ward
  const before = textOf(world.pids())
  await refusedByLarder(service, 'up', '--port', '0')
  await larder(service, 'recover', '--yes')
  world.wake()
  await service.start()
  const { groups } = await statusOf(service)
  const now = new Map(
    groups.flatMap(({ shards }) => shards.flatMap(({ nodes }) => nodes.map(({ id, pid }) => [id, pid] as const))),
  )
  scene.tell(`${what}; larder up refused, larder recover made it anew (process ${service.pid()})`)
  if (textOf(now) !== before) throw new Error(`expected the same processes after larder recover, ${before}; found ${textOf(now)}`)
}

const kill = async ({ ward, tell }: Scene): Promise<void> => {
  tell(`SIGKILL Larder (process ${ward.service.pid()})`)
  await ward.service.kill()
  await ward.world.rest()
}

export const states: readonly Fault[] = [
  {
    ...harmless,
    name: 'state-lost',
    roles: 'stay',
    most: 0,
    suits: () => false,
    inject: async (scene) => {
      const awayMs = scene.draw.whole(0, 1_000)
      await kill(scene)
      removeState(scene.ward.service.home)
      await delay(awayMs)
      await recover(scene, 'state.db is removed')
    },
  },
  {
    // The older state has another primary: nothing of it may come back.
    ...planned,
    name: 'state-older',
    most: 1,
    suits: hasReplica,
    inject: async (scene) => {
      const { service, world } = scene.ward
      const older = mkdtempSync(join(tmpdir(), 'larder-chaos-state-'))
      try {
        await kill(scene)
        copyState(service.home, older)
        world.wake()
        await service.start()
        for (const shard of scene.targets) {
          await larder(service, 'failover', shard.group, shard.shard)
          scene.tell(`larder failover of ${shard.key}, of which ${castOf(scene, shard).primary.id} is primary now`)
        }
        await kill(scene)
        removeState(service.home)
        copyState(older, service.home)
        await recover(scene, 'state.db is the one of before the switch')
      } finally {
        rmSync(older, { recursive: true, force: true })
      }
    },
  },
]
