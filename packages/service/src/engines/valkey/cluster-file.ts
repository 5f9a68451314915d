/**
 * nodes.conf of a node in a new sharded group. Pure. Why it looks as it does, with figures: docs/decisions/0005-engines.md.
 *
 * Format: `id ip:port@busport[,hostname[,key=value]] flags primary ping-sent pong-received epoch link [slots]`, and a last line
 * with the epoch that the node has heard of.
 */
import { createHash } from 'node:crypto'
import { busPort } from '../../model/cluster.ts'
import type { InstalledEngine } from '../../ports/catalog.ts'
import type { ClusterMember, ClusterNodeView, ClusterPlan, ClusterRejoin } from '../../ports/engine.ts'
import { isSince, shardIdsInClusterFile } from './features.ts'

const standInPrefix = '0'.repeat(16)
/** Nobody listens there on an address of a node. */
const standInBusPort = 1

/** Id of the stand-in from which a new primary takes over. */
export const standInOf = (id: string): string => standInPrefix + id.slice(0, 40 - standInPrefix.length)
export const isStandIn = (id: string): boolean => id.startsWith(standInPrefix)

const primaryOf = (plan: ClusterPlan, member: ClusterMember): ClusterMember =>
  plan.members.find((other) => other.id === member.primaryId) ?? member

const shardText = (plan: ClusterPlan, member: ClusterMember): string =>
  `,,shard-id=${createHash('sha1')
    .update(`shard of ${primaryOf(plan, member).id}`)
    .digest('hex')}`

const rangesText = (slots: ClusterNodeView['slots']): string =>
  slots.map(([first, last]) => (first === last ? ` ${first}` : ` ${first}-${last}`)).join('')

/** Whether a nodes.conf is one of this node. The engine takes an empty one for new, and in one with a changed byte it may take another name for its own. */
export const knowsItself = (file: string, id: string): boolean =>
  file.split('\n').some((text) => text.startsWith(`${id} `) && /\bmyself\b/.test(text)) && /^vars currentEpoch \d+/m.test(file)

const shardIdIn = /shard-id=([0-9a-f]{40})/

/**
 * The nodes.conf of a node that comes back as a replica. Places and what else the engine keeps with them stay; roles, epochs and slots are those
 * of the primary's view. Nodes that the view does not know are left out, those that the file does not know are met later.
 *
 * A node that was added later has a shard id of its own until gossip tells of the right one. The engine refuses a file in which a replica and its primary
 * differ in it, so all of a shard get that of their primary. Primaries come first: a replica whose primary it has not read yet makes the engine invent a
 * shard id for that one, which the next replica of the shard then differs from.
 */
export const renderRejoin = ({ previous, myId, primaryId, view }: ClusterRejoin): string => {
  const entries = new Map(view.nodes.map((node) => [node.id, node]))
  const followed = (id: string): string => (id === myId ? primaryId : (entries.get(id)?.primaryId ?? id))
  /** Others may not have heard yet that this node is no primary any longer: its replicas are those of the new one. */
  const primaryIdOf = (id: string): string => (followed(id) === myId ? primaryId : followed(id))
  const parts = previous.split('\n').map((text) => text.split(' '))
  const shardIds = new Map<string, string>()
  for (const [id = '', place = ''] of parts) {
    const shardId = shardIdIn.exec(place)?.[1]
    if (shardId !== undefined && (id === primaryIdOf(id) || !shardIds.has(primaryIdOf(id))))
      shardIds.set(primaryIdOf(id), shardId)
  }
  const lines = parts.flatMap(([id = '', found]): readonly string[] => {
    const place = found?.replace(shardIdIn, () => `shard-id=${shardIds.get(primaryIdOf(id))}`)
    const entry = entries.get(id)
    if (place === undefined || (entry === undefined && id !== myId)) return []
    if (id === myId) return [`${id} ${place} myself,slave ${primaryId} 0 0 0 connected`]
    if (entry === undefined) return []
    const role = entry.primaryId === null ? 'master' : 'slave'
    return [
      `${id} ${place} ${role} ${entry.primaryId === null ? '-' : primaryIdOf(id)} 0 0 ${entry.configEpoch} connected${rangesText(entry.slots)}`,
    ]
  })
  const isPrimary = (line: string): boolean => line.split(' ')[2] === 'master'
  const inOrder = [...lines.filter(isPrimary), ...lines.filter((line) => !isPrimary(line))]
  return `${[...inOrder, `vars currentEpoch ${view.currentEpoch} lastVoteEpoch 0`].join('\n')}\n`
}

export const renderClusterFile = (plan: ClusterPlan, engine: Pick<InstalledEngine, 'engine' | 'version'>): string => {
  const me = plan.members.find((member) => member.id === plan.myId)
  const takesOver = plan.standIns === true && me !== undefined && me.slots.length > 0
  const place = (member: ClusterMember, bus: number): string =>
    `${member.address}:${member.port}@${bus}${isSince(shardIdsInClusterFile, engine) ? shardText(plan, member) : ''}`
  const entry = (member: ClusterMember, role: string, primary: string, epoch: number, slots: string): string => {
    const flags = member.id === plan.myId ? `myself,${role}` : role
    return `${member.id} ${place(member, busPort(member.port))} ${flags} ${primary} 0 0 ${epoch} connected${slots}`
  }
  const lines = plan.members.flatMap((member): readonly string[] => {
    if (member.primaryId !== null) {
      return [entry(member, 'slave', member.primaryId, takesOver ? 0 : primaryOf(plan, member).configEpoch, '')]
    }
    if (!takesOver || member.slots.length === 0)
      return [entry(member, 'master', '-', member.configEpoch, rangesText(member.slots))]
    const standIn = standInOf(member.id)
    return [
      `${standIn} ${place(member, standInBusPort)} master - 0 0 0 connected${rangesText(member.slots)}`,
      entry(member, 'slave', standIn, 0, ''),
    ]
  })
  // A takeover raises the epoch by one: with epochs one below the planned ones, primaries that have not heard of each other differ.
  const current = takesOver ? me.configEpoch - 1 : Math.max(0, ...plan.members.map((member) => member.configEpoch))
  return `${[...lines, `vars currentEpoch ${current} lastVoteEpoch 0`].join('\n')}\n`
}
