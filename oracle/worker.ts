/** One process of a run: reads and writes through one kind of cache, and holds each read against the floors. */
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'pg'
import { type ContestantName, contestants, type Item, type Source } from './contestants.ts'
import { openFloors } from './floors.ts'
import { randomFrom } from './random.ts'

export interface Assignment {
  readonly contestant: ContestantName
  readonly cacheUrl: string
  readonly databaseUrl: string
  readonly floors: string
  readonly processes: number
  readonly own: number
  readonly items: number
  readonly reads: number
  readonly deadlineMs: number
  readonly seed: number
}

export interface Finding {
  readonly item: number
  readonly floor: number
  readonly found: number
}

export interface Report {
  readonly reads: number
  readonly writes: number
  readonly failedWrites: number
  readonly stale: number
  /** Of those caches that count them. */
  readonly hits: number
  /** The first ones. */
  readonly findings: readonly Finding[]
}

const loops = 16
const writeShare = 0.08
const manyShare = 0.1
const pauseShare = 0.05
const longestPause = 8

const work = async (assignment: Assignment): Promise<Report> => {
  const { contestant, cacheUrl, databaseUrl, floors: file, processes, own, items, reads, deadlineMs, seed } = assignment
  const random = randomFrom(seed * 1_000 + own)
  const pause = async (): Promise<void> => {
    if (random() < pauseShare) await delay(random() * longestPause)
  }
  const pool = new Pool({ connectionString: databaseUrl, max: loops })
  const cache = await contestants[contestant]({ url: cacheUrl, random, pause })
  const floors = openFloors(file, processes, own)
  const findings: Finding[] = []
  const counts = { reads: 0, writes: 0, failedWrites: 0, stale: 0 }
  const deadline = performance.now() + deadlineMs

  const sourceOf = (item: number): Source => ({
    read: async () => {
      await pause()
      const { rows } = await pool.query<{ version: string }>({
        name: 'read',
        text: 'SELECT version FROM items WHERE id = $1',
        values: [item],
      })
      await pause()
      return Number(rows[0]?.version)
    },
    increase: async () => {
      const text = 'UPDATE items SET version = version + 1 WHERE id = $1 RETURNING version'
      const { rows } = await pool.query<{ version: string }>({ name: 'increase', text, values: [item] })
      await pause()
      return Number(rows[0]?.version)
    },
    setTo: async (version) => {
      await pause()
      const text = 'UPDATE items SET version = $2 WHERE id = $1 AND version = $2 - 1'
      const { rowCount } = await pool.query({ name: 'set', text, values: [item, version] })
      if (rowCount !== 1) throw new Error('somebody else was faster')
      await pause()
    },
  })
  // Every other one has no tags, and is known by its key alone.
  const all = Array.from(
    { length: items },
    (_, item): Item => ({ key: `item:${item}`, tags: item % 2 === 0 ? [`item:${item}`] : [], source: sourceOf(item) }),
  )
  /** Some items are asked for far more often than others. */
  const any = (): number => Math.floor(random() ** 2 * items)

  const judge = (item: number, floor: number, found: number | null | undefined): void => {
    if (found === null || found === undefined) return
    counts.reads += 1
    if (found >= floor) return
    counts.stale += 1
    if (findings.length < 5) findings.push({ item, floor, found })
  }

  const loop = async (): Promise<void> => {
    while (counts.reads < reads && performance.now() < deadline) {
      const item = any()
      const one = all[item]
      if (one === undefined) continue
      if (random() < writeShare) {
        const version = await cache.write(one)
        counts.writes += 1
        if (version === null) counts.failedWrites += 1
        else floors.raise(item, version)
        continue
      }
      const wanted = random() < manyShare ? [...new Set([item, any(), any(), any()])] : [item]
      const least = wanted.map(floors.of)
      const found = await cache.read(wanted.flatMap((index) => all[index] ?? []))
      for (const [at, index] of wanted.entries()) judge(index, least[at] ?? 0, found[at])
    }
  }
  try {
    await Promise.all(Array.from({ length: loops }, loop))
  } finally {
    await cache.close()
    await pool.end()
    floors.close()
  }
  return { ...counts, hits: cache.hits() ?? 0, findings }
}

process.once('message', (assignment: Assignment) => {
  work(assignment).then(
    (report) => process.send?.(report, () => process.exit(0)),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
