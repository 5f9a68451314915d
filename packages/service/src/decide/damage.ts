/** What is done about files that an engine cannot load. Pure. Why: docs/decisions/0019-damaged-files-and-disk-first.md. */
import type { ShardSpec } from '../model/group.ts'
import { allFactsOf, type GroupInput, type NodeFacts } from './input.ts'

export const isOnDisk = (node: NodeFacts): boolean => node.seen.persisted !== null && node.seen.persisted.kind !== 'none'

/**
 * What it has on disk does not load as it is: the engine said so and nothing of it has changed since, or parts are missing which the engine would pass over
 * without a word. Repaired or replaced files count anew.
 */
export const isDamaged = (node: NodeFacts): boolean => {
  const { persisted } = node.seen
  if (persisted === null || persisted.kind === 'none') return false
  if (persisted.kind === 'aof' && persisted.flaw === 'incomplete') return true
  const { damage } = node.state
  return damage != null && damage.stamp !== null && damage.stamp === persisted.stamp
}

/** A node's own view of its cluster: everything in it is known elsewhere, so it is made anew. */
const clusterFile = 'nodes.conf'
const dataFiles = { aof: 'appendonlydir', rdb: 'dump.rdb', none: '' } as const

/** Files that are moved aside before a start. Those with data only where it gets the data from somebody else. */
export const asideOf = (node: NodeFacts, copies: boolean): readonly string[] => {
  const ownView = node.state.damage?.files.includes(clusterFile) === true ? [clusterFile] : []
  return copies && isDamaged(node) ? [...ownView, dataFiles[node.seen.persisted?.kind ?? 'none']] : ownView
}

/**
 * The primary would start without the data of its shard although it is there: its own files do not load, or it has none and those of another node are out of
 * reach (damaged, or in a zone that is down). It never starts empty by itself.
 */
export const waitsForData = (input: GroupInput, shard: ShardSpec, primary: NodeFacts): boolean => {
  if (!primary.state.joined) return false
  if (isOnDisk(primary)) return isDamaged(primary)
  return allFactsOf(input, shard).some(
    (node) => node !== primary && node.state.joined && node.seen.process === 'absent' && isOnDisk(node),
  )
}

const told = (node: NodeFacts): string => {
  const { persisted } = node.seen
  const where = persisted?.path ?? dataFiles[persisted?.kind ?? 'none']
  const said = node.state.damage?.stamp === persisted?.stamp ? (node.state.damage?.said ?? '') : ''
  return `node ${node.spec.id} cannot load ${where}${said === '' ? ', of which parts are missing' : ` (${said})`}`
}

/** For the user: which files, and what to do. Null: nothing of the kind keeps the shard from serving. */
export const damageReason = (input: GroupInput, shard: ShardSpec): string | null => {
  const nodes = allFactsOf(input, shard)
  const primary = nodes.find((node) => node.spec.id === input.state.shards[shard.id]?.primary)
  if (primary === undefined || primary.seen.process !== 'absent' || !waitsForData(input, shard, primary)) return null
  const damaged = nodes.filter((node) => node.seen.process === 'absent' && isDamaged(node))
  if (damaged.length === 0) return null
  const tool = damaged.some((node) => node.seen.persisted?.kind === 'aof')
    ? `repair it (${input.spec.engine}-check-aof --fix <manifest>), `
    : ''
  return `${damaged.map(told).join('; ')}. Nobody else has data of shard ${shard.id} that loads. Nothing is deleted, and nothing is served empty: ${tool}put a whole copy in its place, or move it away to start empty. The node starts as soon as the file has changed`
}
