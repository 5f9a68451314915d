/** Reads what the engine says of itself. Pure. */
import type { SlotRange } from '../../model/group.ts'
import type { ClusterNodeView, ClusterView, ReplicationInfo } from '../../ports/engine.ts'
import type { Reply } from './resp.ts'

/** `INFO` and `CLUSTER INFO`: lines of `name:value`. */
export const parseInfo = (text: string): ReadonlyMap<string, string> => {
  const fields = new Map<string, string>()
  for (const each of text.split('\r\n')) {
    const at = each.indexOf(':')
    if (at > 0 && !each.startsWith('#')) fields.set(each.slice(0, at), each.slice(at + 1))
  }
  return fields
}

/** `CONFIG GET`: names and values in turn. */
export const parsePairs = (reply: Reply): ReadonlyMap<string, string> => {
  const words = Array.isArray(reply) ? reply.map(String) : []
  return new Map(words.flatMap((word, at) => (at % 2 === 0 ? [[word, words[at + 1] ?? ''] as const] : [])))
}

const numberOf = (info: ReadonlyMap<string, string>, name: string): number => Number(info.get(name) ?? 0)

/** What keeps clients out. Engines before Valkey 9 do not say that they are paused. */
export const hindranceOf = (info: ReadonlyMap<string, string>): { readonly hindrance?: string } => {
  const most = numberOf(info, 'maxclients')
  if (most > 0 && numberOf(info, 'connected_clients') + numberOf(info, 'cluster_connections') >= most)
    return { hindrance: 'every place is taken' }
  // A pause of writes alone is what a planned switch does too.
  return info.get('paused_reason') === 'client_pause' && info.get('paused_actions') === 'all'
    ? { hindrance: 'paused by a client' }
    : {}
}

export const replicationOf = (info: ReadonlyMap<string, string>): ReplicationInfo => {
  const replica = info.get('role') === 'slave'
  const host = info.get('master_host')
  const syncing = info.get('master_sync_in_progress') === '1'
  const down = numberOf(info, 'master_link_down_since_seconds')
  return {
    role: replica ? 'replica' : 'primary',
    primary: replica && host !== undefined && host !== '' ? { address: host, port: numberOf(info, 'master_port') } : null,
    linkUp: replica && info.get('master_link_status') === 'up' && !syncing,
    ...(replica && !syncing && down !== 0 ? { linkDownSeconds: down } : {}),
    offset: replica ? numberOf(info, 'slave_repl_offset') : numberOf(info, 'master_repl_offset'),
    replicationId: info.get('master_replid') ?? '',
    connectedReplicas: numberOf(info, 'connected_slaves'),
  }
}

/** Slots that are on the move stand in brackets and are not owned yet. */
const parseRange = (text: string): SlotRange | null => {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text)
  return match === null ? null : [Number(match[1]), Number(match[2] ?? match[1])]
}

/** One line of CLUSTER NODES: id, `ip:port@bus[,hostname[,key=value…]]`, flags, primary, ping, pong, epoch, link, slots. */
const parseNode = (text: string): ClusterNodeView | null => {
  const [id, place, flags, primary, , , epoch, link, ...slots] = text.split(' ')
  const match = /^([^,]*):(\d+)@\d+/.exec(place ?? '')
  if (id === undefined || flags === undefined || match === null) return null
  return {
    id,
    address: match[1] ?? '',
    port: Number(match[2]),
    flags: flags.split(','),
    primaryId: primary === undefined || primary === '-' ? null : primary,
    configEpoch: Number(epoch),
    linkUp: link === 'connected',
    slots: slots.map(parseRange).filter((range) => range !== null),
  }
}

export const parseCluster = (nodesText: string, infoText: string): ClusterView => {
  const nodes = nodesText
    .split('\n')
    .map((text) => parseNode(text.trimEnd()))
    .filter((node) => node !== null)
  const info = parseInfo(infoText)
  return {
    myId: nodes.find((node) => node.flags.includes('myself'))?.id ?? '',
    state: info.get('cluster_state') === 'ok' ? 'ok' : 'fail',
    currentEpoch: numberOf(info, 'cluster_current_epoch'),
    nodes,
  }
}

/** What of `wanted` is not in `present`, as ranges. */
export const missingSlots = (wanted: readonly SlotRange[], present: readonly SlotRange[]): readonly SlotRange[] => {
  const missing: SlotRange[] = []
  for (const [first, last] of wanted) {
    let start: number | null = null
    for (let slot = first; slot <= last + 1; slot += 1) {
      const lacks = slot <= last && !present.some(([low, high]) => slot >= low && slot <= high)
      if (lacks) start ??= slot
      else if (start !== null) {
        missing.push([start, slot - 1])
        start = null
      }
    }
  }
  return missing
}
