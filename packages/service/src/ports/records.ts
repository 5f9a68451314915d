import type { Condition, Entry, Operation, Store } from './store.ts'

/** A record read from the store, with the revision to compare against when it is written back. */
export interface Versioned<T> {
  readonly key: string
  readonly value: T
  readonly revision: number
}

/** Whoever changed a record in place would change it for everybody. */
const frozen = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  for (const member of Object.values(value)) frozen(member)
  return Object.freeze(value)
}

/** A store may give the same entry again while it has not changed: it is parsed once. */
const parsed = new WeakMap<Entry, unknown>()

const recordOf = <T>(entry: Entry): Versioned<T> => {
  if (!parsed.has(entry)) parsed.set(entry, frozen(JSON.parse(entry.value)))
  return { key: entry.key, value: parsed.get(entry) as T, revision: entry.revision }
}

export const readRecord = async <T>(store: Store, key: string): Promise<Versioned<T> | null> => {
  const entry = await store.get(key)
  return entry === null ? null : recordOf<T>(entry)
}

export const listRecords = async <T>(
  store: Store,
  prefix: string,
  options?: { after?: string; limit?: number },
): Promise<{ readonly records: readonly Versioned<T>[]; readonly revision: number }> => {
  const { entries, revision } = await store.list(prefix, options)
  return {
    records: entries.map((entry) => recordOf<T>(entry)),
    revision,
  }
}

export const put = (key: string, record: unknown): Operation => ({ put: key, value: JSON.stringify(record) })
export const remove = (key: string): Operation => ({ delete: key })
export const absent = (key: string): Condition => ({ key, revision: 0 })
export const unchanged = (record: Versioned<unknown>): Condition => ({ key: record.key, revision: record.revision })
