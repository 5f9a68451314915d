/**
 * Which shards a sharded group has, and which slots they own. The state says it; the spec says what is wanted. Slots change hands by an operation that
 * moves their keys, never because somebody wants them: a shard that the spec has forgotten keeps its nodes as long as it owns a slot, and a new one owns
 * none that another has.
 */
import type { GroupSpec, GroupState, ShardSpec, SlotRange } from './group.ts'
import { type GroupRecords, leavingNode } from './members.ts'
import { slotCount, slotsWithout } from './slots.ts'

/** Left out of a state that an earlier Larder wrote, which moved no slots: those that the spec gives it. */
const ownedSlots = (spec: GroupSpec, state: GroupState | null, shardId: string): readonly SlotRange[] =>
  state?.shards[shardId]?.slots ?? spec.shards.find((shard) => shard.id === shardId)?.slots ?? []

/** What a shard that is new gets of the slots that it is to have: those that no other one owns. */
export const freeSlots = (spec: GroupSpec, state: GroupState, shard: ShardSpec): readonly SlotRange[] =>
  slotsWithout(
    shard.slots,
    Object.keys(state.shards).flatMap((id) => (id === shard.id ? [] : ownedSlots(spec, state, id))),
  )

/** Of a shard that the spec has forgotten: all of its nodes, as they were meant to be. */
const forgotten = (spec: GroupSpec, state: GroupState, id: string): ShardSpec => ({
  id,
  slots: ownedSlots(spec, state, id),
  nodes: Object.values(state.nodes)
    .filter((node) => node.shard === id)
    .map((node) => leavingNode(spec, node)),
  wantedPrimary: null,
})

/** Every shard that has to be shown: those that are wanted, and after them those that are being removed and still have nodes. Each with the slots that it owns. */
export const shardsOf = ({ spec, state }: GroupRecords): readonly ShardSpec[] => {
  const known = new Set(spec.shards.map((shard) => shard.id))
  const others = new Set(Object.values(state?.nodes ?? {}).flatMap(({ shard }) => (known.has(shard) ? [] : [shard])))
  return [
    ...spec.shards.map((shard) => ({ ...shard, slots: ownedSlots(spec, state, shard.id) })),
    ...(state === null ? [] : [...others].toSorted().map((id) => forgotten(spec, state, id))),
  ]
}

/** An earlier Larder wrote no slots down: what such a shard owns is not known. */
const mayOwn = ({ slots }: GroupState['shards'][string]): boolean => slots === undefined || slotCount(slots) > 0

/** The group with the shards that have to be kept alive, each with the slots that it owns. The same object where that is what the spec says. */
export const withPresentShards = (spec: GroupSpec, state: GroupState): GroupSpec => {
  if (spec.kind !== 'cme') return spec
  const known = new Set(spec.shards.map((shard) => shard.id))
  const kept = Object.entries(state.shards).flatMap(([id, shard]) =>
    known.has(id) || !mayOwn(shard) ? [] : [forgotten(spec, state, id)],
  )
  const shards = spec.shards.map((shard) => {
    const slots = state.shards[shard.id]?.slots
    return slots === undefined || slots === shard.slots ? shard : { ...shard, slots }
  })
  return kept.length === 0 && shards.every((shard, index) => shard === spec.shards[index])
    ? spec
    : { ...spec, shards: [...shards, ...kept] }
}

/** Why the shards are not yet as they are wanted; null where they are. */
export const unmovedSlots = (spec: GroupSpec, state: GroupState): string | null => {
  if (spec.kind !== 'cme') return null
  for (const id of Object.keys(state.shards)) {
    const wanted = spec.shards.find((shard) => shard.id === id)
    if (wanted === undefined && state.shards[id]?.slots === undefined)
      return `shard ${id} is to be removed, and is kept: no record says which slots it owns`
    const owned = ownedSlots(spec, state, id)
    const extra = slotCount(slotsWithout(owned, wanted?.slots ?? []))
    if (extra > 0)
      return wanted === undefined
        ? `shard ${id} is to be removed, and owns ${extra} slots that have to be moved first`
        : `shard ${id} owns ${extra} slots that are to be moved`
  }
  return null
}
