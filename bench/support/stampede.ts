/** One process of a stampede: many callers ask for one key that is not there, when it is told to. */
import { setTimeout as delay } from 'node:timers/promises'
import { type StampedeName, stampedeContestants } from './caches.ts'

interface Task {
  readonly url: string
  readonly contestant: StampedeName
  readonly key: string
  readonly callers: number
  readonly loadMs: number
}

const work = async ({ url, contestant, key, callers, loadMs }: Task): Promise<number> => {
  const cache = await stampedeContestants[contestant](url)
  const number = Number(key.split(':')[1]) + 1_000_000
  // Connected and warm.
  await cache.get(number + process.pid * 1_000_000, async () => 'warm')
  let loads = 0
  const load = async (): Promise<unknown> => {
    loads += 1
    await delay(loadMs)
    return { loaded: true }
  }
  const told = new Promise((resolve) => process.once('message', resolve))
  process.send?.('ready')
  await told
  await Promise.all(Array.from({ length: callers }, () => cache.get(number, load)))
  return loads
}

process.once('message', (task: Task) => {
  work(task).then(
    (loads) => process.send?.(loads, () => process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
