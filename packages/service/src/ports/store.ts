/**
 * Where state is kept: a small key-value store with revisions, in the manner of etcd.
 *
 * Every successful transaction that changes something raises the store's revision by one; a key's `revision` is that of its
 * last change. Values are JSON texts; the store does not look inside. Keys are printable ASCII, `/` separates their parts.
 */
export interface Entry {
  readonly key: string
  readonly value: string
  /** Store revision of the last change of this key. */
  readonly revision: number
}

/** `revision: 0` means that the key must not exist. */
export interface Condition {
  readonly key: string
  readonly revision: number
}

export type Operation = { readonly put: string; readonly value: string; readonly lease?: string } | { readonly delete: string }

export type TransactionResult =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly failed: Condition }

export interface Change {
  readonly key: string
  /** Null when the key was deleted. */
  readonly value: string | null
  /** Changes of one transaction share one revision; each revision is delivered whole and in order. */
  readonly revision: number
}

export interface ListOptions {
  /** Only keys after this one, in byte order (paging). */
  readonly after?: string
  readonly limit?: number
}

export interface Store {
  get(key: string): Promise<Entry | null>
  /** Keys that start with `prefix`, in byte order, and the store's revision at that moment (watch from `revision + 1`). */
  list(prefix: string, options?: ListOptions): Promise<{ readonly entries: readonly Entry[]; readonly revision: number }>
  /** All of the operations, if all of the conditions hold; else none, and the first condition that did not hold. */
  transact(conditions: readonly Condition[], operations: readonly Operation[]): Promise<TransactionResult>
  /**
   * Changes below `prefix` from `fromRevision` on (included), first the past ones, then as they happen, until `signal` aborts
   * (the iteration then ends without an error). Throws `LarderError` `store-failed` with `retry` when the past has been compacted:
   * list again and watch from there.
   */
  watch(prefix: string, fromRevision: number, signal: AbortSignal): AsyncIterable<Change>
  /** A lease of `ttlMs`; keys put with it are deleted when it ends. */
  grantLease(ttlMs: number): Promise<string>
  /** False when the lease has ended. */
  keepAlive(lease: string): Promise<boolean>
  revokeLease(lease: string): Promise<void>
  close(): Promise<void>
}
