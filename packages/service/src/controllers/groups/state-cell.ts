import { LarderError } from '../../errors.ts'
import type { GroupKey, GroupState, NodeState } from '../../model/group.ts'
import { stateKey } from '../../model/keys.ts'
import { put, readRecord } from '../../ports/records.ts'
import type { Condition, Operation, Store } from '../../ports/store.ts'
import { createMutex } from './mutex.ts'

const emptyState = (key: GroupKey): GroupState => ({
  region: key.region,
  space: key.space,
  id: key.id,
  status: 'creating',
  reason: null,
  generation: 0,
  shards: {},
  nodes: {},
  primaryEndpoint: null,
  readerEndpoint: null,
  configurationEndpoint: null,
  discoveryVersion: 0,
  discoveryNodes: [],
})

/**
 * The state record of one group, with its only writer. `update` writes at once and with compare-and-set: what a controller believes
 * to have written has been written.
 */
export interface StateCell {
  readonly value: GroupState
  /** Calls follow each other, each sees what the one before wrote. Writes nothing when the state stays the same and there is nothing else to write. */
  update(
    change: (state: GroupState) => GroupState,
    operations?: readonly Operation[],
    conditions?: readonly Condition[],
  ): Promise<void>
  /** Before everything that waits, and beside what is being written: clients wait for it. */
  updateNow(change: (state: GroupState) => GroupState, operations?: readonly Operation[]): Promise<void>
}

export const openStateCell = async (store: Store, key: GroupKey): Promise<StateCell> => {
  const record = await readRecord<GroupState>(store, stateKey(key))
  let value = record?.value ?? emptyState(key)
  let revision = record?.revision ?? 0
  /** Texts of what is being written now. */
  const writing = new Set<string>()

  /** What has been written may not have been answered yet. */
  const adoptOwn = async (): Promise<boolean> => {
    const found = await readRecord<GroupState>(store, stateKey(key))
    if (found === null || found.revision <= revision || !writing.has(JSON.stringify(found.value))) return false
    value = found.value
    revision = found.revision
    return true
  }

  const write = async (
    change: (state: GroupState) => GroupState,
    operations: readonly Operation[],
    conditions: readonly Condition[],
  ): Promise<void> => {
    for (;;) {
      const from = revision
      const next = change(value)
      const text = JSON.stringify(next)
      if (text === JSON.stringify(value) && from !== 0 && operations.length === 0) return
      writing.add(text)
      try {
        const result = await store.transact(
          [{ key: stateKey(key), revision: from }, ...conditions],
          [put(stateKey(key), next), ...operations],
        )
        if (result.ok) {
          if (result.revision > revision) {
            value = next
            revision = result.revision
          }
          return
        }
        // An urgent write and one that was under way meet: whoever comes second is made once more, upon what the first one wrote.
        if (result.failed.key === stateKey(key) && (revision !== from || (await adoptOwn()))) continue
        throw new LarderError(
          'store-failed',
          `the state of ${stateKey(key)} was changed by somebody else (${result.failed.key})`,
          {
            retry: true,
          },
        )
      } finally {
        writing.delete(text)
      }
    }
  }
  const oneByOne = createMutex()
  const urgentOnes = createMutex()
  return {
    get value() {
      return value
    },
    update: (change, operations = [], conditions = []) => oneByOne(() => write(change, operations, conditions)),
    updateNow: (change, operations = []) => urgentOnes(() => write(change, operations, [])),
  }
}

export const changeNode = (state: GroupState, id: string, change: Partial<NodeState>): GroupState => {
  const node = state.nodes[id]
  return node === undefined ? state : { ...state, nodes: { ...state.nodes, [id]: { ...node, ...change } } }
}

export const changeNodes = (state: GroupState, ids: readonly string[], change: Partial<NodeState>): GroupState =>
  ids.reduce((next, id) => changeNode(next, id, change), state)
