/**
 * Cluster mode: who tells clients of whom. A node names a replica to clients once it has heard that the replica's
 * offset is not 0, which may take 15 s: an offset moves with the first write or ping, and is told with the next
 * message of the bus. A client that connects earlier gets a map without replicas.
 */
import type { Action } from './actions.ts'
import { factsOf, type GroupInput, isInSync, isServing, type NodeFacts } from './input.ts'

/** Each costs a connection of the bus. What is left is done next. */
const mostAtOnce = 1_000

interface Unnamed {
  readonly replica: NodeFacts
  readonly primary: NodeFacts
  /** Nodes that do not name it; it is one of them itself while its offset is 0. */
  readonly by: readonly NodeFacts[]
}

const servingOf = (input: GroupInput): readonly NodeFacts[] =>
  input.spec.shards.flatMap((shard) => factsOf(input, shard)).filter(isServing)

/** A node that has just joined is called online before it is known whose replica it is. Null: it was not asked. */
const names = (node: NodeFacts, replica: NodeFacts, primary: NodeFacts): boolean | null => {
  const view = node.seen.engine?.cluster
  if (view?.named === undefined) return null
  const id = replica.state.clusterNodeId ?? ''
  const follows = view.nodes.find((entry) => entry.id === id)?.primaryId
  return view.named.includes(id) && follows === primary.state.clusterNodeId
}

interface Pair {
  readonly replica: NodeFacts
  readonly primary: NodeFacts
}

/** Replicas and whom they follow by the records. */
const pairsOf = (input: GroupInput): readonly Pair[] =>
  input.spec.shards.flatMap((shard) => {
    const nodes = factsOf(input, shard)
    const primary = nodes.find((node) => node.spec.id === input.state.shards[shard.id]?.primary)
    return primary === undefined ? [] : nodes.filter((node) => node !== primary).map((replica) => ({ replica, primary }))
  })

const unnamed = (input: GroupInput): readonly Unnamed[] => {
  if (input.spec.kind !== 'cme') return []
  const serving = servingOf(input)
  return pairsOf(input)
    .filter(({ replica, primary }) => isInSync(replica, primary.state.address))
    .map(({ replica, primary }) => ({ replica, primary, by: serving.filter((node) => names(node, replica, primary) === false) }))
    .filter(({ by }) => by.length > 0)
}

/** Every node runs, and names every replica to clients. */
export const namesAll = (input: GroupInput): boolean => {
  const serving = servingOf(input)
  const pairs = pairsOf(input)
  return (
    serving.length === Object.keys(input.state.nodes).length &&
    serving.every((node) => node.seen.engine?.cluster?.named !== undefined) &&
    pairs.every(({ replica, primary }) => serving.every((node) => names(node, replica, primary)))
  )
}

export const decideNaming = (input: GroupInput): readonly Action[] => {
  let left = mostAtOnce
  return unnamed(input).flatMap(({ replica, primary, by }): readonly Action[] => {
    const others = by.slice(0, Math.max(left, 0)).map((node) => node.spec.id)
    left -= others.length
    return others.length === 0 ? [] : [{ do: 'announce', node: replica.spec.id, primary: primary.spec.id, others }]
  })
}
