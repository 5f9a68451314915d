/** What a board takes and gives, and what its scripts answer. */
import type { Reply } from '../connection/connection.ts'
import { CacheError } from '../errors.ts'
import { timeBytes } from './scripts.ts'

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

/** A row as the server has it. */
export interface Found {
  readonly id: string
  /** The score as the order has it: the lower one is ahead. */
  readonly key: number
  /** Among equals they stand in the order of these bytes. */
  readonly name: Buffer
  readonly place: number
  /** By score; for dense ranks, how many scores. */
  readonly ahead: number
  readonly data: Buffer | null
}

export interface RowRules {
  readonly order: 'high' | 'low'
  readonly ranks: 'competition' | 'dense' | 'ordinal'
  readonly ties: 'first' | 'latest' | 'name'
}

export const list = (reply: Reply | undefined): readonly Reply[] => (Array.isArray(reply) ? (reply as readonly Reply[]) : [])
const none = Buffer.alloc(0)
export const bytesOf = (reply: Reply | undefined): Buffer =>
  Buffer.isBuffer(reply) ? reply : reply === null || reply === undefined ? none : Buffer.from(String(reply))
export const numberOf = (reply: Reply | undefined): number =>
  typeof reply === 'number' ? reply : Number(Buffer.isBuffer(reply) ? reply.toString('latin1') : reply)
const kept = (reply: Reply | undefined): Buffer | null => (reply === null || reply === undefined ? null : bytesOf(reply))

const boundOf = (key: number): string =>
  key === Number.POSITIVE_INFINITY ? '+inf' : key === Number.NEGATIVE_INFINITY ? '-inf' : String(key)

export const isBefore = (a: Found, b: Found): number => a.key - b.key || a.name.compare(b.name)

export const createRows = ({ order, ranks, ties }: RowRules) => {
  const sign = order === 'high' ? -1 : 1
  const idFrom = ties === 'name' ? 0 : timeBytes

  const rowOf = <D>({ id, key, data }: Pick<Found, 'id' | 'key' | 'data'>, rank: number): Row<D> => ({
    id,
    // Never -0.
    score: sign * key + 0,
    rank,
    data: data === null ? undefined : (JSON.parse(data.toString()) as D),
  })

  return {
    rowOf,
    /** As the order has them, from the lower to the higher one, as the server reads them. */
    bounds: (lowest: number, highest: number): readonly [string, string] =>
      order === 'low' ? [boundOf(lowest), boundOf(highest)] : [boundOf(-highest), boundOf(-lowest)],
    scoreOf: (key: number): number => sign * key + 0,
    rankOf: (one: Found): number => 1 + (ranks === 'ordinal' ? one.place : one.ahead),

    /** In the order of the board; how many are ahead follows from how many are ahead of the first. */
    many: (reply: Reply | undefined): readonly Found[] => {
      const [from, first, skip, pairs, data] = list(reply)
      const [flat, texts] = [list(pairs), list(data)]
      const [start, skipped] = [numberOf(from), 2 * numberOf(skip)]
      const all: Found[] = []
      let ahead = numberOf(first)
      let last = 0
      for (let index = 0, at = skipped; at < flat.length; index += 1, at += 2) {
        const name = bytesOf(flat[at])
        const key = numberOf(flat[at + 1])
        const place = start + index
        if (index > 0 && key !== last) ahead = ranks === 'dense' ? ahead + 1 : place
        last = key
        all.push({ id: name.toString('utf8', idFrom), key, name, place, ahead, data: kept(texts[index]) })
      }
      return all
    },

    one: (id: string, reply: Reply | undefined): Found | null => {
      const answer = list(reply)
      if (answer.length === 0) return null
      const [score, stands, data, time] = answer
      const ahead = numberOf(stands)
      const name = idFrom === 0 ? Buffer.from(id) : Buffer.concat([bytesOf(time), Buffer.from(id)])
      return { id, key: numberOf(score), name, place: ahead, ahead, data: kept(data) }
    },

    /** What the script takes of them. */
    argumentsOf: (entries: readonly Entry[]): readonly string[] => {
      const all: string[] = []
      for (const { id, score, data } of entries)
        all.push(id, String(sign * score + 0), data === undefined ? '' : textOf(id, data))
      return all
    },
    updates: (entries: readonly Entry[], reply: Reply | undefined): readonly Update[] => {
      if (typeof reply === 'number')
        throw new CacheError(
          'usage',
          `expected a sum in the range of a double, found one of ${nameOf(entries[reply - 1]?.id)} that is not`,
        )
      const answers = list(reply)
      return entries.map(({ id, score }, index) => {
        const answer = answers[index]
        if (answer === undefined || answer === null)
          throw new CacheError('refused', `the server gave no answer for ${nameOf(id)}`)
        if (answer === 1) return { id, score: score + 0, changed: true }
        const isOther = Array.isArray(answer)
        return { id, score: sign * numberOf(isOther ? list(answer)[0] : answer) + 0, changed: isOther }
      })
    },
  }
}

const nameOf = (id: string | undefined): string => JSON.stringify(id)

const textOf = (id: string, data: unknown): string => {
  let text: string | undefined
  let cause: unknown
  try {
    text = JSON.stringify(data)
  } catch (error) {
    cause = error
  }
  if (text === undefined)
    throw new CacheError('usage', `expected data of ${nameOf(id)} that JSON can hold, found ${typeof data}`, { cause })
  return text
}
