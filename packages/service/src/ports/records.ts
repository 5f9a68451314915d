import type { Condition, Operation, Store } from './store.ts'

/** A record read from the store, with the revision to compare against when it is written back. */
export interface Versioned<T> {
  readonly key: string
  readonly value: T
  readonly revision: number
}

export const readRecord = async <T>(store: Store, key: string): Promise<Versioned<T> | null> => {
  const entry = await store.get(key)
  return entry === null ? null : { key, value: JSON.parse(entry.value) as T, revision: entry.revision }
}

export const listRecords = async <T>(
  store: Store,
  prefix: string,
  options?: { after?: string; limit?: number },
): Promise<{ readonly records: readonly Versioned<T>[]; readonly revision: number }> => {
  const { entries, revision } = await store.list(prefix, options)
  return {
    records: entries.map((entry) => ({ key: entry.key, value: JSON.parse(entry.value) as T, revision: entry.revision })),
    revision,
  }
}

export const put = (key: string, record: unknown): Operation => ({ put: key, value: JSON.stringify(record) })
export const remove = (key: string): Operation => ({ delete: key })
export const absent = (key: string): Condition => ({ key, revision: 0 })
export const unchanged = (record: Versioned<unknown>): Condition => ({ key: record.key, revision: record.revision })
