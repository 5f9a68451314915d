/** One process that uses one cache, as an application does: where several share a process they make each other's client slower. It runs a turn when it is told to. */
import { setTimeout as delay } from 'node:timers/promises'
import { type ComparedCache, nearContestants, remoteContestants } from './caches.ts'
import { percentile } from './figures.ts'

export interface HitsTask {
  readonly url: string
  readonly kind: 'remote' | 'near'
  readonly contestant: string
}
export interface HitsTurn {
  readonly perSecond: number
  /** Milliseconds. */
  readonly p99: number
}

const keys = 1_000
const loops = 50
const remoteReads = 40_000
const nearReads = 200_000
const timedReads = 20_000

const value = (index: number) => ({ id: index, name: 'Ada Lovelace', roles: ['a', 'b'], text: 'x'.repeat(200) })
const expectHit = () => Promise.reject(new Error('expected a hit'))

/** Many at once, of all keys. */
const remoteTurn = async (cache: ComparedCache): Promise<HitsTurn> => {
  let next = 0
  const each: number[] = []
  const from = performance.now()
  await Promise.all(
    Array.from({ length: loops }, async () => {
      for (let turn = 0; turn < remoteReads / loops; turn += 1) {
        const key = next++ % keys
        const start = performance.now()
        await cache.get(key, expectHit)
        each.push(performance.now() - start)
      }
    }),
  )
  return { perSecond: (1_000 * remoteReads) / (performance.now() - from), p99: percentile(each, 0.99) }
}

/** One after the other, of one key. */
const nearTurn = async (cache: ComparedCache): Promise<HitsTurn> => {
  const from = performance.now()
  for (let turn = 0; turn < nearReads; turn += 1) await cache.get(7, expectHit)
  const perSecond = (1_000 * nearReads) / (performance.now() - from)
  const each: number[] = []
  for (let turn = 0; turn < timedReads; turn += 1) {
    const start = performance.now()
    await cache.get(7, expectHit)
    each.push(performance.now() - start)
  }
  return { perSecond, p99: percentile(each, 0.99) }
}

const warm = async (kind: HitsTask['kind'], cache: ComparedCache): Promise<void> => {
  if (kind === 'remote') for (let key = 0; key < keys; key += 1) await cache.get(key, async () => value(key))
  else
    for (let turn = 0; turn < 20; turn += 1) {
      await cache.get(7, async () => value(7))
      await delay(5)
    }
}

const main = async ({ url, kind, contestant }: HitsTask): Promise<void> => {
  const found = (kind === 'remote' ? remoteContestants : nearContestants).find(({ name }) => name === contestant)
  if (found === undefined) throw new Error(`expected a contestant, found ${contestant}`)
  const cache = await found.open(url)
  await warm(kind, cache)
  const turn = () => (kind === 'remote' ? remoteTurn(cache) : nearTurn(cache))
  await turn() // until what is run is compiled
  process.on('message', () => {
    turn().then(
      (result) => process.send?.(result),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
  process.send?.('ready')
}

process.once('message', (task: HitsTask) => {
  main(task).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
})
