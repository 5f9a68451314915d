/** A store that tells of each transaction: for tests that end the process, or refuse, at a chosen write. */
import type { Operation, Store } from '../ports/store.ts'

/**
 * `n` counts the transactions of this store from 1. `before`: nothing is written yet, and a hook that throws refuses it.
 * `after`: the store has answered (kept, or a condition did not hold), its caller does not know yet.
 */
export type TransactionHook = (n: number, phase: 'before' | 'after', operations: readonly Operation[]) => void | Promise<void>

export const withTransactionHook = (store: Store, hook: TransactionHook): Store => {
  let count = 0
  return {
    ...store,
    async transact(conditions, operations) {
      count += 1
      const n = count
      await hook(n, 'before', operations)
      const result = await store.transact(conditions, operations)
      await hook(n, 'after', operations)
      return result
    },
  }
}
