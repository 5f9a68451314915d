/** The machine itself is in a bad way: wrong clocks, few descriptors, a full disk, flushed rules, a flood, too much to do. */
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { slowness } from '../packages/service/src/testing/busy-machine.ts'
import { untilMoved } from './node-faults.ts'
import { Programs } from './programs.ts'
import { each, type Fault, hasReplica, killed, restartLarder, type Scene, signal } from './scene.ts'
import { needed } from './tools.ts'

const begunDeadlineMs = 20_000 * slowness
const flood = fileURLToPath(new URL('../e2e/support/flood.ts', import.meta.url))

/** Another node takes over while the machine is as it is; what comes afterwards is another matter. */
const killAndMove = (scene: Scene): Promise<void> =>
  each(scene, async ({ shard, primary }) => {
    signal(scene, shard, primary, 'SIGKILL')
    const heir = await untilMoved(scene, shard, primary)
    scene.tell(`${heir.id} is to be primary of ${shard.key}`)
  })

const floodsOf = (scene: Scene, kinds: readonly string[], seconds: number): Programs => {
  const { port } = new URL(scene.ward.service.url())
  return new Programs(kinds.map((kind) => [process.execPath, flood, kind, port, String(seconds)]))
}

const moved = { ...killed, roles: 'move', most: 2, suits: hasReplica } as const

const clocks: Fault = {
  ...moved,
  name: 'clocks',
  needs: 'clock',
  inject: async (scene) => {
    const clock = needed(scene.tools.clock, 'clock')
    const { service } = scene.ward
    const days = scene.draw.pick([360, -360])
    const wrongMs = scene.draw.whole(0, 2_000)
    scene.tell(`SIGKILL Larder (process ${service.pid()})`)
    await service.kill()
    try {
      clock.shift(days)
      await service.start(clock.environment)
      scene.tell(`Larder is back with a clock that is wrong by ${days} days (process ${service.pid()})`)
      await killAndMove(scene)
      await delay(wrongMs)
    } finally {
      // It goes on with the right time, as after somebody has seen it.
      clock.shift(0)
    }
    scene.tell('the clock is right again')
  },
}

/** As on a machine where nobody may raise it. */
const fewFiles = 256
/** At the latest: they are ended before. */
const floodSeconds = 30

const descriptors: Fault = {
  ...moved,
  name: 'descriptors',
  needs: 'limits',
  isHeavy: true,
  inject: async (scene) => {
    const { service } = scene.ward
    const [beforeMs, afterMs] = [scene.draw.whole(0, 1_000), scene.draw.whole(0, 1_000)]
    scene.tell(`SIGKILL Larder (process ${service.pid()})`)
    await service.kill()
    await service.start({}, fewFiles)
    {
      await using connections = floodsOf(scene, ['connections'], floodSeconds)
      await connections.begun(begunDeadlineMs)
      scene.tell(`Larder may open ${fewFiles} files, and 3,000 connections are opened`)
      await delay(beforeMs)
      await killAndMove(scene)
      await delay(afterMs)
    }
    scene.tell('the connections are closed')
    await restartLarder(scene, 0)
  },
}

const floods: Fault = {
  ...moved,
  name: 'flood',
  isHeavy: true,
  inject: async (scene) => {
    const kinds = scene.draw.shuffle(['halves', 'connections', 'requests', 'pipelined']).slice(0, scene.draw.whole(1, 3))
    const [beforeMs, afterMs] = [scene.draw.whole(0, 2_000), scene.draw.whole(0, 2_000)]
    {
      await using programs = floodsOf(scene, kinds, floodSeconds)
      await programs.begun(begunDeadlineMs)
      scene.tell(`a flood of ${kinds.join(', ')}`)
      await delay(beforeMs)
      await killAndMove(scene)
      await delay(afterMs)
    }
    scene.tell('the flood has ended')
  },
}

const loadSeconds = 15

const load: Fault = {
  ...moved,
  name: 'load',
  needs: 'timeout',
  isHeavy: true,
  inject: async (scene) => {
    const timeout = needed(scene.tools.timeout, 'timeout')
    const count = scene.draw.whole(4, 12)
    const [beforeMs, afterMs] = [scene.draw.whole(0, 2_000), scene.draw.whole(0, 2_000)]
    const busy = [...timeout, String(loadSeconds), 'sh', '-c', 'echo begun; while :; do :; done']
    {
      await using programs = new Programs(Array.from({ length: count }, () => busy))
      await programs.begun(begunDeadlineMs)
      scene.tell(`${count} processes have all processors busy`)
      await delay(beforeMs)
      await killAndMove(scene)
      await delay(afterMs)
    }
    scene.tell('they have ended')
  },
}

export const machineFaults: readonly Fault[] = [clocks, descriptors, floods, load]
