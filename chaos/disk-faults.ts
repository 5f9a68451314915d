/** The disk of the home is full: only where the home has a small one of its own. */
import { closeSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { untilMoved } from './node-faults.ts'
import { diskBytes } from './own-room.ts'
import { each, type Fault, harmless, hasReplica, killed, type Scene, signal } from './scene.ts'
import { needed } from './tools.ts'

const chunk = Buffer.alloc(1 << 20)

const isFull = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOSPC'

/** Writes until nothing more fits. Throws before it writes anything where the disk is not that of the home alone. */
const fill = (disk: string, file: string): number => {
  const { blocks, bsize } = statfsSync(disk)
  if (statSync(disk).dev === statSync(dirname(disk)).dev || blocks * bsize > diskBytes)
    throw new Error(`expected ${disk} to be a disk of its own of at most ${diskBytes} bytes, found ${blocks * bsize}`)
  const descriptor = openSync(file, 'w', 0o600)
  let written = 0
  try {
    for (let length = chunk.length; written < diskBytes && length >= 1; ) {
      try {
        written += writeSync(descriptor, chunk, 0, length)
      } catch (error) {
        if (!isFull(error)) throw error
        length = Math.floor(length / 2)
      }
    }
  } finally {
    closeSync(descriptor)
  }
  return written
}

/** What anybody gives up meanwhile is taken too. */
const whileFull = async (scene: Scene, ms: number, work: () => Promise<void>): Promise<void> => {
  const disk = needed(scene.tools.disk, 'disk')
  const files: string[] = []
  const more = (): number => {
    const file = join(disk, `full-${files.length}`)
    files.push(file)
    return fill(disk, file)
  }
  try {
    scene.tell(`the disk is full after ${more()} bytes`)
    await work()
    const until = performance.now() + ms
    while (performance.now() < until) {
      await delay(250)
      more()
    }
  } finally {
    for (const file of files) rmSync(file, { force: true })
  }
  scene.tell('there is room on the disk again')
}

export const disks: readonly Fault[] = [
  {
    // One that writes every write to disk may hand over to the other, whose disk is the same.
    ...harmless,
    name: 'full-disk',
    needs: 'disk',
    roles: 'either',
    most: 0,
    suits: () => false,
    inject: async (scene) => {
      const ms = scene.draw.whole(500, 8_000)
      await whileFull(scene, ms, async () => undefined)
    },
  },
  {
    ...killed,
    name: 'full-disk-kill',
    needs: 'disk',
    roles: 'either',
    most: 1,
    suits: hasReplica,
    // A primary that cannot write to its disk hands over to one that can.
    mayMove: (shard) => shard.persists,
    inject: async (scene) => {
      const [beforeMs, ms] = [scene.draw.whole(0, 2_000), scene.draw.whole(0, 4_000)]
      await whileFull(scene, ms, async () => {
        await delay(beforeMs)
        await each(scene, async ({ shard, primary }) => {
          signal(scene, shard, primary, 'SIGKILL')
          // With `appendonly` what is on the disk may come first, and waits for room.
          if (!shard.persists) await untilMoved(scene, shard, primary)
        })
      })
    },
  },
]
