/** The API wants a shard more or a shard fewer, and later what it wanted before. Nothing moves slots: none of it may cost a write. */
import type { GroupSpec, GroupState, ShardSpec } from '../../model/group.ts'
import { shardId } from '../../model/names.ts'
import { evenSlots } from '../../model/slots.ts'
import { nodeSpec } from '../fixtures.ts'
import { killMeanwhile } from './faults.ts'
import type { Random } from './random.ts'
import { request, type Stage } from './stage.ts'

const mostNodes = 3
const latestMs = 3_000

/** The slots are spread anew over all shards that are wanted, as a request for another count of them does. */
const spread = (spec: GroupSpec, shards: readonly ShardSpec[]): GroupSpec => {
  const slots = evenSlots(shards.length)
  return { ...spec, shards: shards.map((shard, index) => ({ ...shard, slots: slots[index] ?? [] })) }
}

const withOneMore = ({ random }: Stage, spec: GroupSpec, state: GroupState): readonly ShardSpec[] => {
  const used = new Set([...spec.shards.map(({ id }) => id), ...Object.values(state.nodes).map(({ shard }) => shard)])
  let number = 1
  while (used.has(shardId(number))) number += 1
  const id = shardId(number)
  const nodes = Array.from({ length: random.between(1, mostNodes) }, (_, index) => nodeSpec(spec.id, spec.kind, id, index + 1))
  return [...spec.shards, { id, slots: [], nodes, wantedPrimary: null }]
}

const withOneFewer = ({ random }: Stage, { shards }: GroupSpec): readonly ShardSpec[] => {
  const chosen = random.between(0, shards.length - 1)
  return shards.filter((_, index) => index !== chosen)
}

/** One shard is added or removed, until the shards of the beginning are wanted again. */
const reshape = (stage: Stage, which: 'more' | 'fewer'): void => {
  let before: readonly ShardSpec[] = []
  request(stage, (spec, state) => {
    before = spec.shards
    if (which === 'more') return spread(spec, withOneMore(stage, spec, state))
    return spec.shards.length < 2 ? null : spread(spec, withOneFewer(stage, spec))
  })
  stage.time.after(stage.random.between(50, latestMs), () =>
    request(stage, (spec) => {
      // Each with the nodes that it is to have by then.
      const wanted = stage.spec.shards.map((first) => {
        const find = (shards: readonly ShardSpec[]) => shards.find(({ id }) => id === first.id)
        return find(spec.shards) ?? find(before) ?? first
      })
      const isThere = wanted.length === spec.shards.length && wanted.every((shard) => spec.shards.includes(shard))
      return isThere ? null : spread(spec, wanted)
    }),
  )
}

/**
 * Up to three changes of the number of shards in half of the seeds, some with a death in the middle of it. `random` is not that
 * of the faults: groups without shards fail as they would without this.
 */
export const reshapeNowAndThen = (given: Stage, random: Random, withinMs: number): void => {
  if (given.spec.kind !== 'cme' || random.chance(0.5)) return
  const stage = { ...given, random }
  for (let count = random.between(1, 3); count > 0; count -= 1) {
    stage.time.after(random.between(50, withinMs), () => {
      reshape(stage, random.pick(['more', 'fewer']))
      if (random.chance(0.6)) killMeanwhile(stage, latestMs)
    })
  }
}
