/** Acknowledged writes beside what is there: what was lost, and in which round. Keeps no time and asks nobody. */
import type { Write } from './history.ts'

export interface Loss {
  readonly write: Write
  /** Round in which it was found to be lost: it was still there, or was written, in this one. */
  readonly round: number
}

interface Kept {
  readonly shard: string
  /** Acknowledged, and not lost as far as known. */
  readonly standing: Map<string, Write>
  /** Refused for certain, so that they must never be found. */
  readonly refused: Set<string>
  /** Length when it was read last; null before. */
  length: number | null
}

export interface Ledger {
  add(write: Write): void
  /** Lists of a shard: those that were never read, or are still being written. */
  listsOf(shard: string): readonly string[]
  /** Length that a list must have if nothing has happened to it since it was read; null: it has to be read. */
  expectedLength(list: string): number | null
  /** Takes in what was read of a list after all of its writes had come to an end. Returns what is lost since it was read before. */
  read(list: string, found: readonly string[], round: number): readonly Loss[]
  /** Writes that were found although the engine had refused them. */
  readonly risen: readonly string[]
}

export const createLedger = (): Ledger => {
  const lists = new Map<string, Kept>()
  const risen: string[] = []
  return {
    risen,
    add(write) {
      const kept = lists.get(write.list) ?? { shard: write.shard, standing: new Map(), refused: new Set(), length: null }
      lists.set(write.list, kept)
      if (write.outcome === 'acknowledged') {
        kept.standing.set(write.id, write)
        kept.length = null
      } else if (write.outcome === 'refused') kept.refused.add(write.id)
    },
    listsOf: (shard) => [...lists].filter(([, kept]) => kept.shard === shard).map(([list]) => list),
    expectedLength: (list) => lists.get(list)?.length ?? null,
    read(list, found, round) {
      const kept = lists.get(list)
      if (kept === undefined) return []
      const there = new Set(found)
      const lost = [...kept.standing.values()].filter((write) => !there.has(write.id))
      for (const write of lost) kept.standing.delete(write.id)
      for (const id of kept.refused) {
        if (!there.has(id)) continue
        risen.push(id)
        kept.refused.delete(id)
      }
      kept.length = found.length
      return lost.map((write) => ({ write, round }))
    },
  }
}
