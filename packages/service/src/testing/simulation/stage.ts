/** What a fault has in its hands, and how it writes a request of the API. */
import type { GroupSpec, GroupState } from '../../model/group.ts'
import { specKey, stateKey } from '../../model/keys.ts'
import { put, readRecord } from '../../ports/records.ts'
import type { Store } from '../../ports/store.ts'
import type { Lives } from './larder.ts'
import type { Random } from './random.ts'
import type { Time } from './time.ts'
import type { SimWorld } from './world.ts'

export interface Stage {
  readonly time: Time
  readonly random: Random
  readonly world: SimWorld
  readonly store: Store
  readonly lives: Lives
  readonly spec: GroupSpec
  readonly note: (text: string) => void
}

export type Fault = (stage: Stage) => void

const changeSpec = async (
  { store, note }: Stage,
  spec: GroupSpec,
  change: (spec: GroupSpec, state: GroupState) => GroupSpec | null,
) => {
  for (;;) {
    const record = await readRecord<GroupSpec>(store, specKey(spec))
    const state = await readRecord<GroupState>(store, stateKey(spec))
    if (record === null || state === null) return
    const next = change(record.value, state.value)
    if (next === null) return
    const { ok } = await store.transact(
      [{ key: record.key, revision: record.revision }],
      [put(record.key, { ...next, generation: record.value.generation + 1 })],
    )
    // Another request of the same moment came first.
    if (!ok) continue
    note(
      `request: ${JSON.stringify(next.shards.map((shard) => [shard.wantedPrimary, shard.nodes.map((node) => [node.id, node.reboots])]))}`,
    )
    return
  }
}

/** Carried out in the next turn; a failure of the simulation itself is told by its absence of effect. */
export const request = (stage: Stage, change: (spec: GroupSpec, state: GroupState) => GroupSpec | null): void => {
  changeSpec(stage, stage.spec, change).catch((error: unknown) => stage.note(`request failed: ${String(error)}`))
}
