/** What Larder's store says, read beside the service the whole time: who is to be primary, in which epoch, and which processes there are. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { LarderError } from '../packages/service/src/errors.ts'
import type { GroupState } from '../packages/service/src/model/group.ts'
import { listRecords } from '../packages/service/src/ports/records.ts'
import type { Store } from '../packages/service/src/ports/store.ts'
import { openSqliteStore, type SqliteStore } from '../packages/service/src/store/sqlite.ts'
import { recordProcess } from './names.ts'
import type { Epoch } from './reigns.ts'

export interface World extends AsyncDisposable {
  readonly store: Store
  /** All that were seen, in order. */
  readonly epochs: readonly Epoch[]
  /** As it was at the last look. Throws for a group that is not there. */
  stateOf(group: string): GroupState
  /** The target of a shard. */
  primaryOf(group: string, shard: string): string | null
  pidOf(group: string, node: string): number | null
  /** Node to process, of all groups. */
  pids(): ReadonlyMap<string, number | null>
  /** Has a last look. Until `wake` nobody looks at the file, which may be lost or another one meanwhile. Larder is away. */
  rest(): Promise<void>
  wake(): void
}

const lookMs = 10

export const openWorld = async (home: string): Promise<World> => {
  const open = (): SqliteStore => openSqliteStore(join(home, 'state.db'), { clock: { now: Date.now }, readOnly: true })
  let store = open()
  const states = new Map<string, GroupState>()
  const epochs: Epoch[] = []
  const newest = new Map<string, number>()
  let lookedAt = performance.now()
  let going = true
  let resting = false
  /** Why nobody looks any more: told to whoever asks. */
  let failure: unknown = null

  const look = async (): Promise<void> => {
    const begun = performance.now()
    const { records } = await listRecords<GroupState>(store, 'state/')
    for (const { value } of records) {
      states.set(value.id, value)
      for (const { id, process } of Object.values(value.nodes)) if (process !== null) recordProcess(process.pid, id)
      for (const [id, { primary, epoch }] of Object.entries(value.shards)) {
        const shard = `${value.id}/${id}`
        if (newest.get(shard) === epoch) continue
        newest.set(shard, epoch)
        epochs.push({ shard, epoch, primary, notBefore: lookedAt })
      }
    }
    lookedAt = begun
  }
  const run = async (): Promise<void> => {
    while (going) {
      try {
        underWay = resting ? Promise.resolve() : look()
        await underWay
      } catch (error) {
        if (!(error instanceof LarderError && error.retry)) throw error
      }
      await delay(lookMs)
    }
  }
  let underWay = look()
  await underWay
  const running = run().catch((error: unknown) => {
    failure = error
  })
  const stateOf = (group: string): GroupState => {
    if (failure !== null) throw failure
    const state = states.get(group)
    if (state === undefined) throw new TypeError(`expected a group ${group}`)
    return state
  }
  return {
    get store() {
      return store
    },
    epochs,
    stateOf,
    primaryOf: (group, shard) => stateOf(group).shards[shard]?.primary ?? null,
    pidOf: (group, node) => stateOf(group).nodes[node]?.process?.pid ?? null,
    pids: () =>
      new Map(
        [...states.values()].flatMap(({ nodes }) => Object.values(nodes).map(({ id, process }) => [id, process?.pid ?? null])),
      ),
    async rest() {
      resting = true
      await underWay.catch(() => undefined) // told by the one that looks
      await look()
      await store.close()
    },
    wake() {
      store = open()
      resting = false
    },
    async [Symbol.asyncDispose]() {
      going = false
      await running
      if (!resting) await store.close()
    },
  }
}
