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
}

export const openStateCell = async (store: Store, key: GroupKey): Promise<StateCell> => {
  const record = await readRecord<GroupState>(store, stateKey(key))
  let value = record?.value ?? emptyState(key)
  let revision = record?.revision ?? 0
  const write = async (
    change: (state: GroupState) => GroupState,
    operations: readonly Operation[],
    conditions: readonly Condition[],
  ): Promise<void> => {
    const next = change(value)
    const same = JSON.stringify(next) === JSON.stringify(value) && revision !== 0
    if (same && operations.length === 0) return
    const result = await store.transact(
      [{ key: stateKey(key), revision }, ...conditions],
      [put(stateKey(key), next), ...operations],
    )
    if (!result.ok) {
      throw new LarderError('store-failed', `the state of ${stateKey(key)} was changed by somebody else (${result.failed.key})`, {
        retry: true,
      })
    }
    value = next
    revision = result.revision
  }
  const oneByOne = createMutex()
  return {
    get value() {
      return value
    },
    update: (change, operations = [], conditions = []) => oneByOne(() => write(change, operations, conditions)),
  }
}

export const changeNode = (state: GroupState, id: string, change: Partial<NodeState>): GroupState => {
  const node = state.nodes[id]
  return node === undefined ? state : { ...state, nodes: { ...state.nodes, [id]: { ...node, ...change } } }
}

export const changeNodes = (state: GroupState, ids: readonly string[], change: Partial<NodeState>): GroupState =>
  ids.reduce((next, id) => changeNode(next, id, change), state)
