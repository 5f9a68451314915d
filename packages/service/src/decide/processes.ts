/** Which processes are to be started and ended. */
import type { ShardSpec } from '../model/group.ts'
import type { Action, StartReason } from './actions.ts'
import { factsOf, type GroupInput, isInSync, isRunning, isServing, type NodeFacts } from './input.ts'
import { bestReplica } from './primary.ts'

const needsReboot = (node: NodeFacts): boolean => node.state.rebootsDone < node.spec.reboots
/** Memcached cannot be given more memory or threads while it runs; its node type changes by a restart, as on AWS with its data lost. */
const needsReplace = (input: GroupInput, node: NodeFacts): boolean =>
  input.spec.kind === 'memcached' && node.state.nodeType !== input.spec.nodeType

/** A primary hands over to a replica before it is rebooted, where it has one in sync: first the target, then the switch. */
export const decideReboots = (input: GroupInput, shard: ShardSpec): readonly Action[] => {
  const nodes = factsOf(input, shard)
  const target = input.state.shards[shard.id]
  return nodes
    .filter((node) => isRunning(node) && (needsReboot(node) || needsReplace(input, node)))
    .flatMap((node): readonly Action[] => {
      const because = needsReboot(node) ? 'reboot' : 'replace'
      if (input.spec.kind === 'cmd' && target !== undefined) {
        if (node.spec.id === target.primary) {
          const heir = bestReplica(nodes.filter((other) => other !== node && isInSync(other, node.state.address)))
          if (heir !== null) {
            const epoch = target.epoch + 1
            return [{ do: 'target', shard: shard.id, primary: heir.spec.id, epoch, because: `${node.spec.id} is to be rebooted` }]
          }
        } else if (node.seen.engine?.replication?.role === 'primary') {
          return [] // it has not handed over yet
        }
      }
      return [{ do: 'stop', node: node.spec.id, because }]
    })
}

const reasonOf = (node: NodeFacts): StartReason => {
  if (!node.state.joined) return 'created'
  return needsReboot(node) ? 'rebooted' : 'recovered'
}

/** In cluster mode replicas wait until every stand-in of a new cluster is forgotten: one that starts earlier may learn of it again. */
const seesStrangers = (input: GroupInput): boolean => {
  const known = new Set(Object.values(input.state.nodes).map((node) => node.clusterNodeId))
  return Object.values(input.observed.nodes).some(
    (node) => node.engine?.cluster?.nodes.some((entry) => !known.has(entry.id) && !entry.flags.includes('handshake')) ?? false,
  )
}

/** The primary starts first and alone, its replicas when it serves: a replica that finds nobody waits a second before it tries again. */
export const decideStarts = (input: GroupInput, shard: ShardSpec): readonly Action[] => {
  const nodes = factsOf(input, shard)
  const absent = nodes.filter((node) => node.seen.process === 'absent')
  if (absent.length === 0) return []
  if (input.spec.kind === 'memcached') {
    return absent.map((node) => ({ do: 'start', node: node.spec.id, replicaOf: null, because: reasonOf(node) }))
  }
  const primary = nodes.find((node) => node.spec.id === input.state.shards[shard.id]?.primary)
  if (primary === undefined) return []
  if (primary.seen.process === 'absent') {
    const lostAll = nodes.length > 1 && nodes.every((node) => node.seen.process === 'absent') && primary.state.joined
    return [{ do: 'start', node: primary.spec.id, replicaOf: null, because: lostAll ? 'lost-all' : reasonOf(primary) }]
  }
  if (!isServing(primary)) return []
  if (input.spec.kind === 'cme' && (primary.seen.engine?.replication?.role !== 'primary' || seesStrangers(input))) return []
  return absent.map((node) => startReplica(node, primary))
}

const startReplica = (node: NodeFacts, primary: NodeFacts): Action => ({
  do: 'start',
  node: node.spec.id,
  replicaOf: primary.spec.id,
  because: reasonOf(node),
})
