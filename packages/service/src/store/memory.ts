/** The store in memory, for tests: same contract, nothing kept. */
import { randomBytes } from 'node:crypto'
import { LarderError } from '../errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Change, Condition, Entry, Operation, Store, TransactionResult } from '../ports/store.ts'
import { createWatchers } from './watchers.ts'

interface Lease {
  readonly ttlMs: number
  endsAt: number
  readonly keys: Set<string>
}

const wallClock: Pick<Clock, 'now'> = { now: () => Date.now() }

export const createMemoryStore = (options: { readonly clock?: Pick<Clock, 'now'> } = {}): Store => {
  const clock = options.clock ?? wallClock
  const entries = new Map<string, Entry>()
  const log: Change[] = []
  const leases = new Map<string, Lease>()
  const watchers = createWatchers()
  let revision = 0

  /** Nothing has been changed yet when it throws. */
  const apply = (operations: readonly Operation[]): void => {
    const ended = operations.find(
      (operation) => 'put' in operation && operation.lease !== undefined && !leases.has(operation.lease),
    )
    if (ended !== undefined) throw new LarderError('store-failed', 'expected a lease that has not ended')
    const next = revision + 1
    const changes = operations.flatMap((operation): readonly Change[] => {
      for (const lease of leases.values()) lease.keys.delete('put' in operation ? operation.put : operation.delete)
      if ('put' in operation) {
        entries.set(operation.put, { key: operation.put, value: operation.value, revision: next })
        if (operation.lease !== undefined) leases.get(operation.lease)?.keys.add(operation.put)
        return [{ key: operation.put, value: operation.value, revision: next }]
      }
      return entries.delete(operation.delete) ? [{ key: operation.delete, value: null, revision: next }] : []
    })
    if (changes.length === 0) return
    revision = next
    log.push(...changes)
    watchers.publish(changes)
  }

  const expire = (): void => {
    for (const [id, lease] of leases) {
      if (lease.endsAt > clock.now()) continue
      leases.delete(id)
      apply([...lease.keys].map((key) => ({ delete: key })))
    }
  }

  return {
    async get(key) {
      expire()
      return entries.get(key) ?? null
    },
    async list(prefix, { after = '', limit = Number.POSITIVE_INFINITY } = {}) {
      expire()
      const found = [...entries.values()].filter((entry) => entry.key.startsWith(prefix) && entry.key > after)
      found.sort((a, b) => (a.key < b.key ? -1 : 1))
      return { entries: found.slice(0, limit), revision }
    },
    async transact(conditions: readonly Condition[], operations: readonly Operation[]): Promise<TransactionResult> {
      expire()
      const failed = conditions.find((condition) => (entries.get(condition.key)?.revision ?? 0) !== condition.revision)
      if (failed !== undefined) return { ok: false, failed }
      apply(operations)
      return { ok: true, revision }
    },
    watch(prefix, fromRevision, signal) {
      const past = log.filter((change) => change.revision >= fromRevision && change.key.startsWith(prefix))
      return watchers.follow(prefix, past, signal, () => new Error('too many changes were not read'))
    },
    async grantLease(ttlMs) {
      const id = randomBytes(8).toString('hex')
      leases.set(id, { ttlMs, endsAt: clock.now() + ttlMs, keys: new Set() })
      return id
    },
    async keepAlive(id) {
      expire()
      const lease = leases.get(id)
      if (lease === undefined) return false
      lease.endsAt = clock.now() + lease.ttlMs
      return true
    },
    async revokeLease(id) {
      const lease = leases.get(id)
      leases.delete(id)
      if (lease !== undefined) apply([...lease.keys].map((key) => ({ delete: key })))
    },
    async close() {},
  }
}
