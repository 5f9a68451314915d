/** When nobody writes any more and everybody runs, each replica that is connected has all that its primary has. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handOver, isReplica, keepSynced, replicateNode, type SimEngine } from './engine.ts'
import { createRandom } from './random.ts'
import { copyEngines, makeRest, type Rest, type Shape, startOfTime } from './scenario.ts'
import { createTime } from './time.ts'
import { createSimWorld, type SimWorld } from './world.ts'

const seeds = 20
const writes = [1, 2, 3, 4, 5, 6, 7, 8]
const awayMs = 3_000
const quietMs = 10_000

const logged: Shape = { name: 'logged', kind: 'cme', shards: 1, nodes: 2, appendOnly: true }
const chained: Shape = { name: 'chained', kind: 'cme', shards: 1, nodes: 3 }

interface Scene {
  readonly world: SimWorld
  readonly primary: SimEngine
  readonly replicas: readonly SimEngine[]
  readonly after: (ms: number, go: () => void) => void
  /** Lets everything happen until `isOver`, and for `quietMs` at the most. */
  readonly run: (isOver?: () => boolean) => Promise<void>
}

const sceneOf = (rest: Rest, seed: number): Scene => {
  const time = createTime(startOfTime + 100_000)
  const nothing = (): void => undefined
  const world = createSimWorld(time, createRandom(seed), {
    onPrimary: nothing,
    onStart: nothing,
    onKill: nothing,
    onElected: nothing,
    onDeath: nothing,
    onClaim: nothing,
    onDrop: nothing,
    diesAtCommand: () => false,
    note: nothing,
  })
  const engines = copyEngines(rest.engines)
  for (const engine of engines) world.place(engine)
  const primary = engines.find((engine) => !isReplica(engine))
  assert.ok(primary)
  const run = async (isOver = () => false): Promise<void> => {
    const end = time.now() + quietMs
    while (time.now() < end && !isOver()) await time.step()
  }
  return { world, primary, replicas: engines.filter(isReplica), after: time.after, run }
}

const busy = ({ world }: Scene, engine: SimEngine): void => world.busy(engine, awayMs)
const stopped = ({ world, after }: Scene, engine: SimEngine): void => {
  world.stop(engine)
  after(awayMs, () => world.resume(engine))
}

for (const [how, away] of Object.entries({ busy, stopped })) {
  for (const who of ['primary', 'replica', 'primary and replica']) {
    test(`what was written while a replica copied arrives, though ${who} is ${how} when it would be worked off`, async () => {
      const rest = await makeRest(logged)
      let behind = 0
      for (let seed = 1; seed <= seeds; seed += 1) {
        const scene = sceneOf(rest, seed)
        const { primary, replicas, run } = scene
        const [replica] = replicas
        assert.ok(replica)
        primary.log.push(...writes)
        Object.assign(replica, { link: null, fresh: true })
        keepSynced(scene.world.machine, replica)
        await run(() => replica.link === primary)
        if (replica.log.length < primary.log.length) behind += 1
        if (who.includes('primary')) away(scene, primary)
        if (who.includes('replica')) away(scene, replica)
        await run()
        assert.deepEqual([replica.link?.id, replica.log], [primary.id, writes], `seed ${seed}`)
      }
      assert.ok(behind > 0)
    })
  }
}

test('who copies from a replica gets what that is handed when it becomes primary', async () => {
  const scene = sceneOf(await makeRest(chained), 1)
  const { world, primary, replicas, run } = scene
  const [heir, last] = replicas
  assert.ok(heir?.myId != null && last !== undefined)
  replicateNode(world.machine, last, heir.myId)
  await run(() => last.link === heir)
  primary.log.push(...writes)
  handOver(world.machine, heir)
  await run()
  assert.deepEqual([isReplica(heir), heir.log, last.link?.id, last.log], [false, writes, heir.id, writes])
})
