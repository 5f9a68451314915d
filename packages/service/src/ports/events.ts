import { LarderError } from '../errors.ts'
import type { Happening } from '../model/events.ts'
import { eventPrefix } from '../model/keys.ts'
import type { EventRecord } from '../model/records.ts'
import { put, remove } from './records.ts'
import type { Operation, Store } from './store.ts'

/** Events are kept for 14 days. */
export const eventRetentionMs = 14 * 24 * 3600 * 1000

const allEvents = 'event/'
const batchSize = 200

/** First key of `region` at or after `date` (milliseconds). Keys of events sort by time. */
export const eventKeyAt = (region: string, date: number): string =>
  `${eventPrefix(region)}${String(Math.max(0, Math.trunc(date))).padStart(15, '0')}-`

/**
 * One event, to be put in the same transaction as the change that it tells of.
 * `unique` is eight hexadecimal digits that no other event of the same millisecond has; they also order the events of a millisecond.
 */
export const eventOperation = (record: EventRecord, unique: string): Operation => {
  if (!/^[0-9a-f]{8}$/.test(unique)) throw new TypeError(`expected eight hexadecimal digits for an event, found ${unique}`)
  return put(`${eventKeyAt(record.region, record.date)}${unique}`, record)
}

/** Several events of one moment, kept in the order in which they are given. `random` is at least six hexadecimal digits. */
export const eventOperations = (happenings: readonly Happening[], date: number, random: string): readonly Operation[] =>
  happenings.map((each, index) =>
    eventOperation({ ...each, date }, index.toString(16).padStart(2, '0').slice(-2) + random.slice(0, 6).toLowerCase()),
  )

const dateOfKey = (key: string): { readonly region: string; readonly date: number } => {
  const [, region, name] = key.split('/')
  const date = Number.parseInt(name ?? '', 10)
  if (region === undefined || Number.isNaN(date)) {
    throw new LarderError('store-corrupt', `expected a key of the form event/<region>/<milliseconds>-<digits>, found ${key}`)
  }
  return { region, date }
}

/**
 * Removes the events older than 14 days of all regions and says how many. Reads no more of the younger ones than it must: once a
 * region shows a young event it goes on with the next region. Safe to end at any moment and to run twice at once.
 */
export const pruneEvents = async (store: Store, now: number): Promise<number> => {
  const oldest = now - eventRetentionMs
  let removed = 0
  let after: string | undefined
  for (;;) {
    const { entries } = await store.list(allEvents, after === undefined ? { limit: batchSize } : { after, limit: batchSize })
    if (entries.length === 0) return removed
    const old: string[] = []
    for (const { key } of entries) {
      const { region, date } = dateOfKey(key)
      after = key
      if (date >= oldest) {
        // `~` sorts behind every digit: the next key after it belongs to another region.
        after = `${eventPrefix(region)}~`
        break
      }
      old.push(key)
    }
    if (old.length > 0) await store.transact([], old.map(remove))
    removed += old.length
  }
}
