/** Acknowledged writes beside what is there: what was lost, and in which round. Keeps no time and asks nobody. */
import type { Write } from './history.ts'

/** As much as is kept of each write for long. */
export type Entry = Pick<Write, 'id' | 'shard' | 'list' | 'start' | 'end'>

interface Kept {
  readonly shard: string
  readonly round: number
  /** Acknowledged, and not lost as far as known. */
  readonly standing: Map<string, Entry>
  /** Refused for certain, so that they must never be found. */
  readonly refused: Set<string>
  /** Length when it was read last; null: it has to be read. */
  length: number | null
}

export interface KeptList {
  readonly list: string
  /** Round in which it was written. */
  readonly round: number
  /** Length that it must have if nothing has happened to it since it was read; null: it has to be read. */
  readonly length: number | null
}

export interface Ledger {
  add(write: Write): void
  listsOf(shard: string): readonly KeptList[]
  /** Takes in what was read of a list after all of its writes had come to an end. Returns what is lost since it was read before. */
  read(list: string, found: readonly string[]): readonly Entry[]
  /** Nobody asks for the list any more. */
  forget(list: string): void
  /** Writes that were found although the engine had refused them. */
  readonly risen: readonly string[]
}

export const createLedger = (): Ledger => {
  const lists = new Map<string, Kept>()
  const risen: string[] = []
  const keptFor = ({ list, shard, round }: Write): Kept => {
    const known = lists.get(list)
    if (known !== undefined) return known
    const fresh: Kept = { shard, round, standing: new Map(), refused: new Set(), length: null }
    lists.set(list, fresh)
    return fresh
  }
  return {
    risen,
    add(write) {
      const kept = keptFor(write)
      kept.length = null
      const { id, shard, list, start, end } = write
      if (write.outcome === 'acknowledged') kept.standing.set(id, { id, shard, list, start, end })
      else if (write.outcome === 'refused') kept.refused.add(id)
    },
    listsOf: (shard) =>
      [...lists].filter(([, kept]) => kept.shard === shard).map(([list, { round, length }]) => ({ list, round, length })),
    read(list, found) {
      const kept = lists.get(list)
      if (kept === undefined) return []
      const there = new Set(found)
      const lost = [...kept.standing.values()].filter((entry) => !there.has(entry.id))
      for (const entry of lost) kept.standing.delete(entry.id)
      for (const id of kept.refused) {
        if (!there.has(id)) continue
        risen.push(id)
        kept.refused.delete(id)
      }
      kept.length = found.length
      return lost
    },
    forget(list) {
      lists.delete(list)
    },
  }
}
