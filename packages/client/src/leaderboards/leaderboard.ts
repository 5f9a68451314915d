/** Leaderboards: who is ahead of whom. */
import type { Connection } from '../connection.ts'
import { CacheError } from '../errors.ts'
import { checkScore, createBoard, type Entry, longestPage, type Row, type Update } from './board.ts'
import { type Period, spanOf } from './periods.ts'

export interface LeaderboardOptions {
  readonly name: string
  /** Which score is ahead. Default: `high`. */
  readonly order?: 'high' | 'low'
  /** What a new score does to the one before: the better one stays, the new one counts, or it is added. Default: `best`. */
  readonly update?: 'best' | 'last' | 'sum'
  /** Equal scores: 1 2 2 4 (`competition`), 1 2 2 3 (`dense`), 1 2 3 4 (`ordinal`). Default: `competition`. */
  readonly ranks?: 'competition' | 'dense' | 'ordinal'
  /** Who stands first among equal scores: who has reached it first, last, or by the id. Default: `first`. */
  readonly ties?: 'first' | 'latest' | 'name'
  /** The best so many are kept, in each shard. Default: all. */
  readonly most?: number
  /** It begins anew each day, week or month. Default: never. */
  readonly period?: Period
  /** For how many periods after its own a board can still be read. Default: 1. */
  readonly keep?: number
  /** Minutes that the clocks of its periods are ahead of UTC. Default: 0. */
  readonly offset?: number
  /** Members are spread over so many keys, for a group in cluster mode. Default: 1. */
  readonly shards?: number
  /** Put before every key. Default: `board`. */
  readonly namespace?: string
  /** Milliseconds since 1970. Default: the clock. */
  readonly now?: () => number
}

export interface Leaderboard<D = unknown> {
  submit(id: string, score: number, data?: D): Promise<Update>
  /** In one round trip; up to 1,000. */
  submitMany(entries: readonly Entry[]): Promise<readonly Update[]>
  /** Null: not there. */
  get(id: string): Promise<Row<D> | null>
  /** In the order in which they were asked for: the ranks of friends, for one. */
  getMany(ids: readonly string[]): Promise<readonly (Row<D> | null)[]>
  /** The first so many, up to 1,000. */
  top(count: number): Promise<readonly Row<D>[]>
  /** Pages are numbered from 1. */
  page(number: number, size: number): Promise<readonly Row<D>[]>
  /** The member with so many before and after it; nothing where it is not there. */
  around(id: string, before: number, after?: number): Promise<readonly Row<D>[]>
  /** Whose score is from the lower to the higher one, both included, in the order of the board. */
  byScore(
    lowest: number,
    highest: number,
    options?: { readonly offset?: number; readonly count?: number },
  ): Promise<readonly Row<D>[]>
  /** How many of them were there. What was kept with them goes too. */
  remove(...ids: readonly string[]): Promise<number>
  size(): Promise<number>
  /** The part of all members, in percent, that is not ahead of it: 100 for the best. Null: not there. */
  percentile(id: string): Promise<number | null>
  /** The score that one needs to be in that percentile. Null: nobody is there. With several shards it takes about 64 round trips. */
  scoreAt(percentile: number): Promise<number | null>
  /** Takes the members of another one in, by the rule of this one, page by page; at most so many. Answers how many. */
  merge(other: Leaderboard<D>, most?: number): Promise<number>
  clear(): Promise<void>
  /** The board of the period that this moment (milliseconds since 1970) is in. */
  at(moment: number): Leaderboard<D>
}

const usage = (expected: string, found: unknown): CacheError =>
  new CacheError('usage', `expected ${expected}, found ${typeof found === 'string' ? JSON.stringify(found) : String(found)}`)

const checkWhole = (what: string, value: number, least: number, highest: number): void => {
  if (!(Number.isSafeInteger(value) && value >= least && value <= highest))
    throw usage(`${what} to be a whole number from ${least} to ${highest}`, value)
}
const checkIds = (ids: readonly string[]): void => {
  if (ids.length > longestPage) throw usage(`at most ${longestPage} members at once`, ids.length)
  for (const id of ids) if (typeof id !== 'string' || id === '') throw usage('the id of a member to be a text', id)
}

const magnitude = 0x7fff_ffff_ffff_ffffn
const view = new DataView(new ArrayBuffer(8))
/** Whole numbers in the order of the doubles, each the next one's neighbour. */
const orderedOf = (value: number): bigint => {
  view.setFloat64(0, value)
  const bits = view.getBigInt64(0)
  return bits < 0n ? -(bits & magnitude) : bits
}
const numberAt = (place: bigint): number => {
  view.setBigInt64(0, place < 0n ? -place : place)
  const value = view.getFloat64(0)
  return place < 0n ? -value : value
}

export const createLeaderboard = <D = unknown>(connection: Connection, options: LeaderboardOptions): Leaderboard<D> => {
  const { name, order = 'high', update = 'best', ranks = 'competition', ties = 'first', most = 0, period } = options
  const { keep = 1, offset = 0, shards = 1, namespace = 'board', now = Date.now } = options
  for (const [what, text] of Object.entries({ name, namespace }))
    if (typeof text !== 'string' || text === '' || /[{}]/.test(text)) throw usage(`${what} to be a text without braces`, text)
  checkWhole('most', most, 0, Number.MAX_SAFE_INTEGER)
  checkWhole('shards', shards, 1, 1_024)
  checkWhole('keep', keep, 0, 1_000)
  checkWhole('offset', offset, -1_440, 1_440)
  if (shards > 1 && ranks === 'dense') throw usage('one shard for dense ranks, since scores are not counted over shards', shards)

  const boardAt = (moment: number) => {
    const rules = { order, update, ranks, ties, most, shards }
    if (period === undefined) return createBoard(connection, { ...rules, prefix: `${namespace}:${name}`, ends: 0 })
    const span = spanOf(period, moment, offset)
    const ends = span.to + keep * (span.to - span.from)
    return createBoard(connection, { ...rules, prefix: `${namespace}:${name}:${span.name}`, ends })
  }
  const checkEntries = (entries: readonly Entry[]): void => {
    checkIds(entries.map(({ id }) => id))
    for (const { score } of entries) checkScore(score)
    if (new Set(entries.map(({ id }) => id)).size !== entries.length) throw usage('each member once', 'one of them twice')
  }

  const viewAt = (moment: () => number): Leaderboard<D> => {
    const board = () => boardAt(moment())
    const page = async (from: number, count: number) => {
      checkWhole('count', count, 0, longestPage)
      checkWhole('offset', from, 0, Number.MAX_SAFE_INTEGER)
      return board().page<D>(from, count)
    }
    const getMany = async (ids: readonly string[]) => {
      checkIds(ids)
      return board().members<D>(ids)
    }
    const submitMany = async (entries: readonly Entry[]) => {
      checkEntries(entries)
      return board().update(entries)
    }
    return {
      submitMany,
      submit: async (id, score, data) => {
        const [done] = await submitMany([{ id, score, ...(data === undefined ? {} : { data }) }])
        if (done === undefined) throw new CacheError('refused', 'the server gave no answer for a member')
        return done
      },
      get: async (id) => (await getMany([id]))[0] ?? null,
      getMany,
      top: (count) => page(0, count),
      page: async (number, size) => {
        checkWhole('a page', number, 1, Number.MAX_SAFE_INTEGER)
        return page((number - 1) * size, size)
      },
      around: async (id, before, after = before) => {
        checkIds([id])
        checkWhole('before', before, 0, longestPage)
        checkWhole('after', after, 0, longestPage)
        return board().around<D>(id, before, after)
      },
      byScore: async (lowest, highest, { offset: from = 0, count = 100 } = {}) => {
        if (Number.isNaN(lowest) || Number.isNaN(highest)) throw usage('scores', 'NaN')
        checkWhole('offset', from, 0, Number.MAX_SAFE_INTEGER)
        checkWhole('count', count, 0, longestPage)
        return board().byScore<D>(lowest, highest, from, count)
      },
      remove: async (...ids) => {
        checkIds(ids)
        return ids.length === 0 ? 0 : board().remove(ids)
      },
      size: () => board().size(),
      percentile: async (id) => {
        checkIds([id])
        const standing = await board().standing(id)
        return standing === null ? null : (100 * (standing.size - standing.ahead)) / standing.size
      },
      scoreAt: async (percentile) => {
        if (!(percentile >= 0 && percentile <= 100)) throw usage('a percentile from 0 to 100', percentile)
        const one = board()
        const part = (100 - percentile) / 100
        if (shards === 1) return one.scoreAt(part)
        const size = await one.size()
        if (size === 0) return null
        const place = Math.min(size - 1, Math.floor(part * size))
        // The least place in the order up to which more than that many stand, by halving all that a double can be.
        const sign = order === 'high' ? -1 : 1
        let [low, high] = [orderedOf(-Number.MAX_VALUE), orderedOf(Number.MAX_VALUE)]
        while (low < high) {
          const middle = (low + high) >> 1n
          if ((await one.reaching(sign * numberAt(middle))) > place) high = middle
          else low = middle + 1n
        }
        return sign * numberAt(low) + 0
      },
      merge: async (other, limit = Number.MAX_SAFE_INTEGER) => {
        let taken = 0
        for (let number = 1; taken < limit; number += 1) {
          const rows = (await other.page(number, longestPage)).slice(0, limit - taken)
          if (rows.length === 0) break
          await submitMany(rows.map(({ id, score, data }) => ({ id, score, ...(data === undefined ? {} : { data }) })))
          taken += rows.length
        }
        return taken
      },
      clear: () => board().clear(),
      at: (other) => viewAt(() => other),
    }
  }
  return viewAt(now)
}

/** The same scores on several boards: for all time, and for each period. One packet. */
export const submitToAll = async <D>(boards: readonly Leaderboard<D>[], entries: readonly Entry[]): Promise<void> => {
  await Promise.all(boards.map((board) => board.submitMany(entries)))
}
