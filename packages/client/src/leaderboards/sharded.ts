/** One board over several shards: their answers put together. */
import { createHash } from 'node:crypto'
import type { Command, Connection, Reply } from '../connection/connection.ts'
import { type Board, type BoardRules, createShard, type Shard } from './board.ts'
import { bytesOf, createRows, type Entry, type Found, isBefore, list, numberOf, type Row, type Update } from './rows.ts'

/** Up to there all rows from the first one on are asked for. */
const shallow = 2_000
/** So few members between what is known to be before a place and what is known to be behind it are looked through. */
const narrow = 1_000
const probes = 64
/** A board that changes all the time could go on for ever. */
const mostTurns = 32

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)

export const createSharded = (connection: Connection, rules: BoardRules): Board => {
  const { ranks } = rules
  const rows = createRows(rules)
  const shards = Array.from({ length: rules.shards }, (_, shard) => createShard(rules, shard))
  const shardOf = (id: string): number => createHash('sha1').update(id).digest().readUInt32BE(0) % shards.length

  const ask = async (commands: readonly Command[]): Promise<readonly Reply[]> =>
    (await connection.send(commands)).map(({ value }) => value)
  const askAll = (what: (shard: Shard, index: number) => Command): Promise<readonly Reply[]> => ask(shards.map(what))

  /** By shard; what each gives is put where it was asked for. */
  const spread = async <T, A>(
    all: readonly T[],
    idOf: (one: T) => string,
    what: (shard: Shard, some: readonly T[]) => Command,
    read: (some: readonly T[], reply: Reply | undefined) => readonly A[],
  ): Promise<readonly { readonly shard: number; readonly answer: A }[]> => {
    const places = new Map<number, number[]>()
    for (const [at, one] of all.entries()) {
      const shard = shardOf(idOf(one))
      const known = places.get(shard)
      if (known === undefined) places.set(shard, [at])
      else known.push(at)
    }
    const asked = [...places].flatMap(([index, at]) => {
      const shard = shards[index]
      return shard === undefined ? [] : [{ index, shard, at, some: at.flatMap((place) => all.slice(place, place + 1)) }]
    })
    const replies = await ask(asked.map(({ shard, some }) => what(shard, some)))
    const answers = new Array<{ readonly shard: number; readonly answer: A }>(all.length)
    for (const [turn, { index, at, some }] of asked.entries())
      for (const [which, answer] of read(some, replies[turn]).entries()) answers[at[which] ?? 0] = { shard: index, answer }
    return answers
  }

  const find = (ids: readonly string[]) =>
    spread(
      ids,
      (id) => id,
      (shard, some) => shard.find(...some),
      (some, reply) => some.map((id, index) => rows.one(id, list(reply)[index])),
    )

  /** For each of them how many of each shard are ahead: by score, and by score and name. */
  const placesOf = async (of: readonly Pick<Found, 'key' | 'name'>[]) => {
    const pairs = of.flatMap(({ key, name }) => [String(key), name])
    const replies = await askAll((shard) => shard.places(...pairs))
    return of.map((_, at) => ({
      ahead: replies.map((reply) => numberOf(list(reply)[2 * at])),
      place: replies.map((reply) => numberOf(list(reply)[2 * at + 1])),
    }))
  }

  /** Rows of several shards in one order. `place`: of the first one, of all members; `ahead`: how many have a better score than the first. */
  const ranked = <D>(all: readonly Found[], place: number, ahead: number): readonly Row<D>[] => {
    let competition = ahead
    return all.map((one, index) => {
      if (index > 0 && one.key !== all[index - 1]?.key) competition = place + index
      return rows.rowOf<D>(one, 1 + (ranks === 'ordinal' ? place + index : competition))
    })
  }
  const merged = (replies: readonly Reply[]): readonly Found[] => replies.flatMap((reply) => rows.many(reply)).sort(isBefore)

  /** How many of each shard are certainly among the first `offset` of all, and how many may be. */
  const windowsAt = async (offset: number) => {
    const sizes = (await askAll((shard) => shard.size())).map(numberOf)
    const windows = sizes.map((size, shard) => ({ shard, low: 0, high: Math.min(size, offset) }))
    const width = (one: (typeof windows)[number]): number => one.high - one.low
    for (let turn = 0; turn < mostTurns && sum(windows.map(width)) > narrow; turn += 1) {
      const open = windows.filter((one) => width(one) > 0).sort((a, b) => width(b) - width(a))
      // Spread over the windows, so that together they stand at even distances in the whole.
      const asked = new Map<number, number[]>()
      for (let probe = 0; probe < probes; probe += 1) {
        const one = open[probe % open.length]
        if (one === undefined) break
        const place = one.low + Math.floor((width(one) * (probe + 0.5)) / probes)
        asked.set(one.shard, [...(asked.get(one.shard) ?? []), place])
      }
      const picked = await ask(
        [...asked].flatMap(([index, places]) => {
          const shard = shards[index]
          return shard === undefined ? [] : [shard.pick(...places.map(String))]
        }),
      )
      const members = picked.flatMap((reply) => {
        const flat = list(reply)
        return Array.from({ length: flat.length / 2 }, (_, at) => ({
          score: bytesOf(flat[2 * at]),
          name: bytesOf(flat[2 * at + 1]),
        }))
      })
      const standing = members.flatMap(({ score, name }) => (score.length === 0 ? [] : [{ key: numberOf(score), name }]))
      for (const { place } of await placesOf(standing)) {
        const total = sum(place)
        for (const one of windows) {
          if (total <= offset) one.low = Math.max(one.low, place[one.shard] ?? 0)
          if (total >= offset) one.high = Math.min(one.high, place[one.shard] ?? 0)
          // Where it changes meanwhile they may cross.
          one.high = Math.max(one.low, one.high)
        }
      }
    }
    return windows
  }

  const page = async <D>(offset: number, count: number): Promise<readonly Row<D>[]> => {
    if (offset + count <= shallow) {
      const all = merged(await askAll((shard) => shard.page(0, offset + count - 1)))
      return ranked<D>(all, 0, 0).slice(offset, offset + count)
    }
    const windows = await windowsAt(offset)
    const from = sum(windows.map(({ low }) => low))
    const all = merged(
      await askAll((shard, index) => shard.page(windows[index]?.low ?? 0, (windows[index]?.high ?? 0) + count - 1)),
    )
    const found = all.slice(offset - from, offset - from + count)
    const [first] = found
    if (first === undefined) return []
    const [standing] = ranks === 'ordinal' ? [] : await placesOf([first])
    return ranked<D>(found, offset, standing === undefined ? offset : sum(standing.ahead))
  }

  const size = async (): Promise<number> => sum((await askAll((shard) => shard.size())).map(numberOf))

  return {
    page,
    size,
    update: async (entries) => {
      const updates = await spread<Entry, Update>(
        entries,
        ({ id }) => id,
        (shard, some) => shard.update(rows.argumentsOf(some)),
        (some, reply) => rows.updates(some, reply),
      )
      return updates.map(({ answer }) => answer)
    },
    members: async <D>(ids: readonly string[]) => {
      const all = await find(ids)
      const there = new Map(all.flatMap(({ answer }) => (answer === null ? [] : [[answer.id, answer] as const])))
      if (there.size === 0) return all.map(() => null)
      const asked = [...there.values()]
      const places = await placesOf(asked)
      const ranksOf = new Map(
        asked.map(({ id }, at) => [id, 1 + sum(places[at]?.[ranks === 'ordinal' ? 'place' : 'ahead'] ?? [])] as const),
      )
      return all.map(({ answer }) => (answer === null ? null : rows.rowOf<D>(answer, ranksOf.get(answer.id) ?? 0)))
    },
    around: async <D>(id: string, before: number, after: number) => {
      const [me] = await find([id])
      if (me === undefined || me.answer === null) return []
      const { key, name } = me.answer
      const sides = [String(before), String(after)]
      const replies = await askAll((shard, index) =>
        index === me.shard ? shard.around(id, before, after) : shard.aroundPlace(String(key), name, ...sides),
      )
      const all = merged(replies)
      const at = all.findIndex((one) => one.id === id)
      const found = all.slice(Math.max(0, at - before), at + after + 1)
      const [first] = found
      if (at < 0 || first === undefined) return []
      const [standing] = await placesOf([first])
      return standing === undefined ? [] : ranked<D>(found, sum(standing.place), sum(standing.ahead))
    },
    byScore: async <D>(lowest: number, highest: number, offset: number, count: number) => {
      const [from, to] = rows.bounds(lowest, highest)
      if (offset + count <= shallow) {
        const replies = await ask([
          ...shards.map((shard) => shard.scores(from, to, '0', String(offset + count))),
          ...shards.map((shard) => shard.count('-inf', `(${from}`)),
        ])
        const ahead = sum(replies.slice(shards.length).map(numberOf))
        return ranked<D>(merged(replies.slice(0, shards.length)), ahead, ahead).slice(offset, offset + count)
      }
      const counts = await ask([
        ...shards.map((shard) => shard.count('-inf', `(${from}`)),
        ...shards.map((shard) => shard.count(from, to)),
      ])
      const [ahead, within] = [counts.slice(0, shards.length), counts.slice(shards.length)].map((some) => sum(some.map(numberOf)))
      const left = Math.min(count, (within ?? 0) - offset)
      return left <= 0 ? [] : page<D>((ahead ?? 0) + offset, left)
    },
    remove: async (ids) => {
      // Each once: whoever is asked for twice is removed once.
      const replies: number[] = []
      await spread(
        ids,
        (id) => id,
        (shard, some) => shard.remove(...some),
        (_, reply) => {
          replies.push(numberOf(reply))
          return []
        },
      )
      return sum(replies)
    },
    standing: async (id) => {
      const [me] = await find([id])
      if (me === undefined || me.answer === null) return null
      const { key } = me.answer
      const replies = await ask([
        ...shards.map((shard) => shard.size()),
        ...shards.map((shard) => shard.count('-inf', `(${String(key)}`)),
      ])
      return {
        size: sum(replies.slice(0, shards.length).map(numberOf)),
        ahead: sum(replies.slice(shards.length).map(numberOf)),
      }
    },
    scoreAt: async (percentile) => {
      const all = await size()
      if (all === 0) return null
      // As the script does, for one shard.
      let place = Math.min(all - 1, Math.floor(((100 - percentile) / 100) * all))
      while (place + 1 < all && (100 * (all - place - 1)) / all >= percentile) place += 1
      while (place > 0 && (100 * (all - place)) / all < percentile) place -= 1
      return (await page(place, 1))[0]?.score ?? null
    },
    clear: async () => {
      await askAll((shard) => shard.clear())
    },
  }
}
