/** Reads what the engine says of itself. Pure. */
import type { SlotRange } from '../../model/group.ts'
import type { ClusterNodeView, ClusterView, ReplicationInfo } from '../../ports/engine.ts'

/** `INFO`: sections of `name:value` lines. */
export const parseInfo = (text: string): ReadonlyMap<string, string> => {
  const fields = new Map<string, string>()
  for (const each of text.split('\r\n')) {
    const at = each.indexOf(':')
    if (at > 0 && !each.startsWith('#')) fields.set(each.slice(0, at), each.slice(at + 1))
  }
  return fields
}

const numberOf = (info: ReadonlyMap<string, string>, name: string): number => Number(info.get(name) ?? 0)

export const replicationOf = (info: ReadonlyMap<string, string>): ReplicationInfo => {
  const replica = info.get('role') === 'slave'
  const host = info.get('master_host')
  const syncing = info.get('master_sync_in_progress') === '1'
  return {
    role: replica ? 'replica' : 'primary',
    primary: replica && host !== undefined ? { address: host, port: numberOf(info, 'master_port') } : null,
    linkUp: replica && info.get('master_link_status') === 'up' && !syncing,
    offset: replica ? numberOf(info, 'slave_repl_offset') : numberOf(info, 'master_repl_offset'),
    replicationId: info.get('master_replid') ?? '',
    connectedReplicas: numberOf(info, 'connected_slaves'),
  }
}

const parseRange = (text: string): SlotRange | null => {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text) // slots that are on the move stand in brackets and are not owned yet
  return match === null ? null : [Number(match[1]), Number(match[2] ?? match[1])]
}

/** One line of CLUSTER NODES: id, `ip:port@bus[,hostname[,aux=value…]]`, flags, primary, ping, pong, epoch, link, slots. */
const parseNode = (text: string): ClusterNodeView | null => {
  const [id, place, flags, primary, , , , link, ...slots] = text.split(' ')
  const match = /^(.*):(\d+)@\d+/.exec(place ?? '')
  if (id === undefined || flags === undefined || match === null) return null
  return {
    id,
    address: match[1] ?? '',
    port: Number(match[2]),
    flags: flags.split(','),
    primaryId: primary === undefined || primary === '-' ? null : primary,
    linkUp: link === 'connected',
    slots: slots.map(parseRange).filter((range) => range !== null),
  }
}

export const parseCluster = (nodesText: string, infoText: string): ClusterView => {
  const nodes = nodesText
    .split('\n')
    .map(parseNode)
    .filter((node) => node !== null)
  const info = parseInfo(infoText)
  return {
    myId: nodes.find((node) => node.flags.includes('myself'))?.id ?? '',
    state: info.get('cluster_state') === 'ok' ? 'ok' : 'fail',
    currentEpoch: numberOf(info, 'cluster_current_epoch'),
    nodes,
  }
}
