/** One board: its shards, and the answers of their scripts put together. */
import { createHash } from 'node:crypto'
import { type Command, type Connection, type Reply, run, type Script } from '../connection.ts'
import { CacheError } from '../errors.ts'
import {
  aheadScript,
  aroundPlaceScript,
  aroundScript,
  clearScript,
  keyNames,
  keysOfRanks,
  membersScript,
  nameStart,
  pageScript,
  removeScript,
  scoreAtScript,
  scoresScript,
  standingScript,
  updateScript,
} from './scripts.ts'

export interface Row<D = unknown> {
  readonly id: string
  readonly score: number
  /** From 1. */
  readonly rank: number
  /** What was kept with the member; undefined where nothing was. */
  readonly data: D | undefined
}

export interface Entry {
  readonly id: string
  readonly score: number
  /** As JSON. Left out: what was kept stays. */
  readonly data?: unknown
}

export interface Update {
  readonly id: string
  readonly score: number
  readonly changed: boolean
}

export interface BoardRules {
  /** With which all keys begin. */
  readonly prefix: string
  readonly order: 'high' | 'low'
  readonly update: 'best' | 'last' | 'sum'
  readonly ranks: 'competition' | 'dense' | 'ordinal'
  readonly ties: 'first' | 'latest' | 'name'
  readonly most: number
  readonly shards: number
  /** Milliseconds since 1970. 0: it does not end. */
  readonly ends: number
}

interface Found {
  readonly shard: number
  readonly id: string
  /** As the order has it. */
  readonly key: string
  readonly name: string
  readonly place: number
  /** By score; for dense ranks, how many scores. */
  readonly ahead: number
  readonly data: string | null
}

export const longestPage = 1_000
const range = (length: number): readonly number[] => Array.from({ length }, (_, index) => index)
const list = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? (reply as readonly Reply[]) : [])

const beforeIn = (a: Found, b: Found): number => Number(a.key) - Number(b.key) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

export const createBoard = (connection: Connection, rules: BoardRules) => {
  const { prefix, order, update, ranks, ties, most, shards, ends } = rules
  const sign = order === 'high' ? -1 : 1
  const keys = range(shards).map((shard) =>
    keyNames.slice(0, keysOfRanks(ranks)).map((name) => `${prefix}:{${prefix}:${shard}}:${name}`),
  )
  const orderOf = (shard: number): string => keys[shard]?.[0] ?? ''

  const shardOf = (id: string): number => (shards === 1 ? 0 : createHash('sha1').update(id).digest().readUInt32BE(0) % shards)
  const on = (shard: number, what: Script, args: readonly string[]): Command => run(what, keys[shard] ?? [], args)
  const ask = async (commands: readonly Command[]): Promise<readonly Reply[]> =>
    (await connection.send(commands)).map(({ value }) => value)

  const found = (shard: number, reply: Reply): Found => {
    const [id, key, place, ahead, data, name] = list(reply)
    return {
      shard,
      id: String(id),
      key: String(key),
      name: String(name),
      place: Number(place),
      ahead: Number(ahead),
      data: data === null || data === undefined ? null : String(data),
    }
  }
  /** In the order of the board; how many are ahead follows from how many are ahead of the first. */
  const foundIn = (shard: number, reply: Reply): readonly Found[] => {
    const [from, first, skip, pairs, data] = list(reply)
    const start = 2 * Number(skip)
    const [flat, kept] = [list(pairs), list(data)]
    const all: Found[] = []
    let ahead = Number(first)
    for (let at = 0; start + 2 * at < flat.length; at += 1) {
      const name = String(flat[start + 2 * at])
      const key = String(flat[start + 2 * at + 1])
      const place = Number(from) + at
      if (at > 0 && key !== all[at - 1]?.key) ahead = ranks === 'dense' ? ahead + 1 : place
      const one = kept[at]
      const text = one === null || one === undefined ? null : String(one)
      all.push({ shard, id: name.slice(nameStart), key, name, place, ahead, data: text })
    }
    return all
  }
  const rowOf = <D>(one: Found, rank: number): Row<D> => ({
    id: one.id,
    score: sign * Number(one.key) + 0,
    rank,
    data: one.data === null ? undefined : (JSON.parse(one.data) as D),
  })
  const rankOf = (one: Found): number => 1 + (ranks === 'ordinal' ? one.place : one.ahead)

  /** Rows of several shards in one order. `place`: of the first one, of all members; `ahead`: how many have a better score than the first. */
  const ranked = <D>(rows: readonly Found[], place: number, ahead: number): readonly Row<D>[] => {
    let competition = ahead
    return rows.map((one, index) => {
      if (index > 0 && one.key !== rows[index - 1]?.key) competition = place + index
      return rowOf<D>(one, 1 + (ranks === 'ordinal' ? place + index : competition))
    })
  }

  /** How many of the other shards are ahead of each: by score, and by score and name. */
  const aheadElsewhere = async (of: readonly Found[]) => {
    // Never in its own shard: the member that is put in and taken out there would be itself.
    const asked = range(shards).map((shard) => of.filter((one) => one.shard !== shard))
    const replies = await ask(
      asked.map((some, shard) =>
        on(
          shard,
          aheadScript,
          some.flatMap(({ key, name }) => [key, name]),
        ),
      ),
    )
    return of.map((one) => {
      const counts = asked.flatMap((some, shard) => {
        const at = some.indexOf(one)
        return at < 0 ? [] : [list(list(replies[shard])[at]).map(Number)]
      })
      const sum = (at: number): number => counts.reduce((total, each) => total + (each[at] ?? 0), 0)
      return { ahead: one.ahead + sum(0), place: one.place + sum(1) }
    })
  }

  const page = async <D>(offset: number, count: number): Promise<readonly Row<D>[]> => {
    if (count === 0) return []
    if (shards === 1) {
      const [reply] = await ask([on(0, pageScript, [ranks, String(offset), String(offset + count - 1)])])
      return foundIn(0, reply ?? null).map((one) => rowOf<D>(one, rankOf(one)))
    }
    const replies = await ask(range(shards).map((shard) => on(shard, pageScript, [ranks, '0', String(offset + count - 1)])))
    const all = replies.flatMap((reply, shard) => foundIn(shard, reply)).sort(beforeIn)
    return ranked<D>(all, 0, 0).slice(offset, offset + count)
  }

  const members = async (ids: readonly string[]): Promise<readonly (Found | null)[]> => {
    const byShard = new Map<number, string[]>()
    for (const id of ids) byShard.set(shardOf(id), [...(byShard.get(shardOf(id)) ?? []), id])
    const asked = [...byShard]
    const replies = await ask(asked.map(([shard, some]) => on(shard, membersScript, [ranks, ...some])))
    const known = new Map<string, Found>()
    for (const [index, [shard]] of asked.entries())
      for (const row of list(replies[index])) if (row !== null) known.set(String(list(row)[0]), found(shard, row))
    return ids.map((id) => known.get(id) ?? null)
  }

  return {
    update: async (entries: readonly Entry[]): Promise<readonly Update[]> => {
      if (entries.length === 0) return []
      const byShard = new Map<number, Entry[]>()
      for (const entry of entries) byShard.set(shardOf(entry.id), [...(byShard.get(shardOf(entry.id)) ?? []), entry])
      const asked = [...byShard]
      // Each shard keeps as many as the whole: which of them the best are is not known there.
      const head = [ranks, update, String(sign), ties, String(most), String(ends)]
      const replies = await ask(
        asked.map(([shard, some]) =>
          on(shard, updateScript, [
            ...head,
            ...some.flatMap(({ id, score, data }) => [
              id,
              String(score),
              data === undefined ? '0' : '1',
              data === undefined ? '' : JSON.stringify(data),
            ]),
          ]),
        ),
      )
      const byEntry = new Map<Entry, Update>()
      for (const [index, [, some]] of asked.entries())
        for (const [at, entry] of some.entries()) {
          const [score, changed] = list(list(replies[index])[at])
          byEntry.set(entry, { id: entry.id, score: Number(String(score)), changed: changed === 1 })
        }
      return entries.flatMap((entry) => byEntry.get(entry) ?? [])
    },

    page,

    members: async <D>(ids: readonly string[]): Promise<readonly (Row<D> | null)[]> => {
      if (ids.length === 0) return []
      const all = await members(ids)
      const there = all.filter((one) => one !== null)
      const counts = shards === 1 || there.length === 0 ? there : await aheadElsewhere(there)
      const ranksOf = new Map(there.map((one, index) => [one.id, rankOf({ ...one, ...counts[index] })]))
      return all.map((one) => (one === null ? null : rowOf<D>(one, ranksOf.get(one.id) ?? 0)))
    },

    around: async <D>(id: string, before: number, after: number): Promise<readonly Row<D>[]> => {
      const own = shardOf(id)
      if (shards === 1) {
        const [reply] = await ask([on(own, aroundScript, [ranks, id, String(before), String(after)])])
        return foundIn(own, reply ?? null).map((one) => rowOf<D>(one, rankOf(one)))
      }
      const [me] = await members([id])
      if (me === undefined || me === null) return []
      const sides = [String(before), String(after)]
      const replies = await ask(
        range(shards).map((shard) =>
          shard === own
            ? on(own, aroundScript, [ranks, id, ...sides])
            : on(shard, aroundPlaceScript, [ranks, me.key, me.name, ...sides]),
        ),
      )
      const all = replies.flatMap((reply, shard) => foundIn(shard, reply)).sort(beforeIn)
      const at = all.findIndex((one) => one.id === id)
      const rows = all.slice(Math.max(0, at - before), at + after + 1)
      const [first] = rows
      if (at < 0 || first === undefined) return []
      const [counts] = await aheadElsewhere([first])
      return counts === undefined ? [] : ranked<D>(rows, counts.place, counts.ahead)
    },

    byScore: async <D>(lowest: number, highest: number, offset: number, count: number): Promise<readonly Row<D>[]> => {
      const [from, to] = (sign === 1 ? [lowest, highest] : [-highest, -lowest]).map((score) =>
        score === Number.POSITIVE_INFINITY ? '+inf' : score === Number.NEGATIVE_INFINITY ? '-inf' : String(score),
      )
      if (from === undefined || to === undefined || count === 0) return []
      if (shards === 1) {
        const [reply] = await ask([on(0, scoresScript, [ranks, from, to, String(offset), String(count)])])
        return foundIn(0, reply ?? null).map((one) => rowOf<D>(one, rankOf(one)))
      }
      const replies = await ask([
        ...range(shards).map((shard) => on(shard, scoresScript, [ranks, from, to, '0', String(offset + count)])),
        ...range(shards).map((shard): Command => ({ key: orderOf(shard), args: ['ZCOUNT', orderOf(shard), '-inf', `(${from}`] })),
      ])
      const all = replies
        .slice(0, shards)
        .flatMap((reply, shard) => foundIn(shard, reply))
        .sort(beforeIn)
      const ahead = replies.slice(shards).reduce<number>((sum, reply) => sum + Number(reply), 0)
      return ranked<D>(all, ahead, ahead).slice(offset, offset + count)
    },

    remove: async (ids: readonly string[]): Promise<number> => {
      const byShard = new Map<number, string[]>()
      for (const id of ids) byShard.set(shardOf(id), [...(byShard.get(shardOf(id)) ?? []), id])
      const replies = await ask([...byShard].map(([shard, some]) => on(shard, removeScript, [ranks, ...some])))
      return replies.reduce<number>((sum, reply) => sum + Number(reply), 0)
    },

    size: async (): Promise<number> => {
      const replies = await ask(range(shards).map((shard): Command => ({ key: orderOf(shard), args: ['ZCARD', orderOf(shard)] })))
      return replies.reduce<number>((sum, reply) => sum + Number(reply), 0)
    },

    /** How many there are, and how many have a better score. Null: it is not there. */
    standing: async (id: string): Promise<{ readonly size: number; readonly ahead: number } | null> => {
      const own = shardOf(id)
      const [reply] = await ask([on(own, standingScript, [id])])
      if (reply === null || reply === undefined) return null
      const [size, ahead, key, name] = list(reply)
      const others = range(shards).filter((shard) => shard !== own)
      const replies = await ask(
        others.flatMap((shard) => [
          on(shard, aheadScript, [String(key), String(name)]),
          { key: orderOf(shard), args: ['ZCARD', orderOf(shard)] },
        ]),
      )
      const sum = { size: Number(size), ahead: Number(ahead) }
      for (let at = 0; at < replies.length; at += 2) {
        sum.ahead += Number(list(list(replies[at])[0])[0])
        sum.size += Number(replies[at + 1])
      }
      return sum
    },

    /** Where that part of all members, from 0 to 1, is ahead; of one shard. Null: nobody is there. */
    scoreAt: async (part: number): Promise<number | null> => {
      const [reply] = await ask([on(0, scoreAtScript, [String(part)])])
      return reply === null || reply === undefined ? null : sign * Number(String(reply)) + 0
    },

    /** How many have at least that score, or a better one. */
    reaching: async (score: number): Promise<number> => {
      const replies = await ask(
        range(shards).map(
          (shard): Command => ({ key: orderOf(shard), args: ['ZCOUNT', orderOf(shard), '-inf', String(sign * score + 0)] }),
        ),
      )
      return replies.reduce<number>((sum, reply) => sum + Number(reply), 0)
    },

    clear: async (): Promise<void> => {
      await ask(range(shards).map((shard) => on(shard, clearScript, [])))
    },
  }
}

export const checkScore = (score: number): void => {
  if (typeof score !== 'number' || !Number.isFinite(score))
    throw new CacheError('usage', `expected a score that is a finite number, found ${String(score)}`)
}
