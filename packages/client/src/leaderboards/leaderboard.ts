/** Leaderboards: who is ahead of whom. */
import {
  aFunction,
  aList,
  anything,
  aText,
  check,
  checkConnection,
  checkOptions,
  shown,
  type Table,
  usage as wrong,
} from '../check.ts'
import type { Connection } from '../connection/connection.ts'
import { CacheError } from '../errors.ts'
import { type Board, createBoard, longestPage } from './board.ts'
import { endAfter, type Period, spanOf } from './periods.ts'
import type { Entry, Row, Update } from './rows.ts'
import { createSharded } from './sharded.ts'

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
  /** The score that one needs to be in that percentile. Null: nobody is there. */
  scoreAt(percentile: number): Promise<number | null>
  /** Takes the members of another one in, by the rule of this one, page by page; at most so many. Answers how many. */
  merge(other: Leaderboard<D>, most?: number): Promise<number>
  clear(): Promise<void>
  /** The board of the period that this moment (milliseconds since 1970) is in. */
  at(moment: number): Leaderboard<D>
}

const usage = (expected: string, found: unknown): CacheError => wrong(expected, shown(found))

const boardOptions: Table = {
  name: aText,
  order: anything,
  update: anything,
  ranks: anything,
  ties: anything,
  most: anything,
  period: anything,
  keep: anything,
  offset: anything,
  shards: anything,
  namespace: aText,
  now: aFunction,
}

const choices = {
  order: ['high', 'low'],
  update: ['best', 'last', 'sum'],
  ranks: ['competition', 'dense', 'ordinal'],
  ties: ['first', 'latest', 'name'],
  period: [undefined, 'daily', 'weekly', 'monthly'],
} as const
const checkWhole = (what: string, value: number, least: number, highest: number): void => {
  if (!(Number.isSafeInteger(value) && value >= least && value <= highest))
    throw usage(`${what} to be a whole number from ${least} to ${highest}`, value)
}
// Half of a pair: what the server gave back would be another text.
const halves = /\p{Surrogate}/u
const checkId = (id: unknown): void => {
  if (typeof id !== 'string' || id === '' || halves.test(id)) throw usage('the id of a member to be a text', id)
}
const checkIds = (ids: readonly string[]): void => {
  check('the ids of members', ids, aList)
  if (ids.length > longestPage) throw usage(`at most ${longestPage} members at once`, ids.length)
  for (const id of ids) checkId(id)
}
const checkEntries = (entries: readonly Entry[]): void => {
  check('the members to submit', entries, aList)
  if (entries.length > longestPage) throw usage(`at most ${longestPage} members at once`, entries.length)
  for (const one of entries) {
    if (typeof one !== 'object' || one === null) throw usage('a member with id and score', one)
    const { id, score } = one
    checkId(id)
    if (!Number.isFinite(score)) throw usage('a score that is a finite number', score)
  }
  if (entries.length > 1 && new Set(entries.map(({ id }) => id)).size !== entries.length)
    throw usage('each member once', 'one of them twice')
}
const checkMoment = (moment: number): void => {
  if (typeof moment !== 'number' || !Number.isFinite(new Date(moment).getTime()))
    throw usage('a moment in milliseconds since 1970', moment)
}

export const createLeaderboard = <D = unknown>(connection: Connection, options: LeaderboardOptions): Leaderboard<D> => {
  checkConnection(connection)
  checkOptions('createLeaderboard', options, boardOptions, ['name'])
  const { name, order = 'high', update = 'best', ranks = 'competition', ties = 'first', most = 0, period } = options
  const { keep = 1, offset = 0, shards = 1, namespace = 'board', now = Date.now } = options
  for (const [what, text] of Object.entries({ name, namespace }))
    if (typeof text !== 'string' || text === '' || /[{}]|\p{Surrogate}/u.test(text))
      throw usage(`${what} to be a text without braces`, text)
  for (const [what, value] of Object.entries({ order, update, ranks, ties, period })) {
    const known: readonly unknown[] = choices[what as keyof typeof choices]
    if (!known.includes(value)) throw usage(`${what} to be one of ${known.filter((one) => one !== undefined).join(', ')}`, value)
  }
  checkWhole('most', most, 0, Number.MAX_SAFE_INTEGER)
  checkWhole('shards', shards, 1, 1_024)
  checkWhole('keep', keep, 0, 1_000)
  checkWhole('offset', offset, -1_440, 1_440)
  if (shards > 1 && ranks === 'dense') throw usage('one shard for dense ranks, since scores are not counted over shards', shards)

  const boardOf = (prefix: string, ends: number): Board =>
    (shards === 1 ? createBoard : createSharded)(connection, { order, update, ranks, ties, most, shards, prefix, ends })

  /** Whose board is made once, and once for each period. */
  const boardsAt = (moment: () => number): (() => Board) => {
    if (period === undefined) {
      const only = boardOf(`${namespace}:${name}`, 0)
      return () => only
    }
    let last: { readonly from: number; readonly to: number; readonly board: Board } | null = null
    return () => {
      const now = moment()
      if (last !== null && now >= last.from && now < last.to) return last.board
      checkMoment(now)
      const span = spanOf(period, now, offset)
      const ends = endAfter(period, span, keep, offset)
      if (!Number.isFinite(span.from) || !Number.isFinite(ends)) throw usage('a moment whose period ends in time', now)
      last = { from: span.from, to: span.to, board: boardOf(`${namespace}:${name}:${span.name}`, ends) }
      return last.board
    }
  }

  const viewAt = (moment: () => number): Leaderboard<D> => {
    const board = boardsAt(moment)
    const page = async (from: number, count: number) => {
      checkWhole('count', count, 0, longestPage)
      checkWhole('offset', from, 0, Number.MAX_SAFE_INTEGER)
      return count === 0 ? [] : board().page<D>(from, count)
    }
    const getMany = async (ids: readonly string[]) => {
      checkIds(ids)
      return ids.length === 0 ? [] : board().members<D>(ids)
    }
    const submitMany = async (entries: readonly Entry[]) => {
      checkEntries(entries)
      return entries.length === 0 ? [] : board().update(entries)
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
        checkWhole('the size of a page', size, 0, longestPage)
        return page((number - 1) * size, size)
      },
      around: async (id, before, after = before) => {
        checkId(id)
        checkWhole('before', before, 0, longestPage)
        checkWhole('after', after, 0, longestPage)
        return board().around<D>(id, before, after)
      },
      byScore: async (lowest, highest, how = {}) => {
        checkOptions('byScore', how, { offset: anything, count: anything })
        const { offset: from = 0, count = 100 } = how
        for (const score of [lowest, highest]) if (typeof score !== 'number' || Number.isNaN(score)) throw usage('a score', score)
        checkWhole('offset', from, 0, Number.MAX_SAFE_INTEGER)
        checkWhole('count', count, 0, longestPage)
        return count === 0 ? [] : board().byScore<D>(lowest, highest, from, count)
      },
      remove: async (...ids) => {
        checkIds(ids)
        return ids.length === 0 ? 0 : board().remove(ids)
      },
      size: async () => board().size(),
      percentile: async (id) => {
        checkId(id)
        const standing = await board().standing(id)
        return standing === null ? null : (100 * (standing.size - standing.ahead)) / standing.size
      },
      scoreAt: async (percentile) => {
        if (!(typeof percentile === 'number' && percentile >= 0 && percentile <= 100))
          throw usage('a percentile from 0 to 100', percentile)
        return board().scoreAt(percentile)
      },
      merge: async (other, limit = Number.MAX_SAFE_INTEGER) => {
        checkWhole('how many', limit, 0, Number.MAX_SAFE_INTEGER)
        if (typeof (other as { readonly page?: unknown } | null)?.page !== 'function') throw usage('another leaderboard', other)
        // All into one, also where the period ends meanwhile.
        const into = board()
        let taken = 0
        for (let number = 1; taken < limit; number += 1) {
          const rows = (await other.page(number, longestPage)).slice(0, limit - taken)
          if (rows.length === 0) break
          const entries = rows.map(({ id, score, data }) => ({ id, score, data }))
          checkEntries(entries)
          await into.update(entries)
          taken += rows.length
        }
        return taken
      },
      clear: async () => board().clear(),
      at: (other) => {
        checkMoment(other)
        return viewAt(() => other)
      },
    }
  }
  return viewAt(now)
}

/** The same scores on several boards: for all time, and for each period. One packet. */
export const submitToAll = async <D>(boards: readonly Leaderboard<D>[], entries: readonly Entry[]): Promise<void> => {
  check('the boards', boards, aList)
  await Promise.all(boards.map((board) => board.submitMany(entries)))
}
