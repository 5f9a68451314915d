/** Ends every engine of a home in an orderly way: data is written first, so that the next start brings it back. */
import { LarderError } from '../../errors.ts'
import type { GroupSpec, GroupState, NodeState } from '../../model/group.ts'
import { specKey } from '../../model/keys.ts'
import type { Firewall } from '../../ports/firewall.ts'
import { listRecords, put, readRecord, unchanged, type Versioned } from '../../ports/records.ts'
import { connectionName } from './connections.ts'
import type { GroupContext } from './context.ts'

const politeMs = 60_000

type ShutdownContext = Pick<
  GroupContext,
  'store' | 'host' | 'balancer' | 'clock' | 'log' | 'secrets' | 'adapter' | 'place' | 'connections'
> & { readonly firewall: Pick<Firewall, 'clear'> }

const askToEnd = async (context: ShutdownContext, spec: GroupSpec, node: NodeState): Promise<void> => {
  if (node.process === null) return
  const place = context.place(spec.region, node.id)
  if (node.engine === 'memcached') {
    await context.host.signal(node.process, place.tag, 'SIGTERM')
    return
  }
  const plan = { socket: place.socket, address: node.address, port: node.port, secrets: context.secrets, kind: spec.kind }
  const control = await context.connections.open(connectionName(spec.region, node), context.adapter(node.engine), plan, 1_000)
  await control.shutdown({ save: true })
}

/** What does not end when asked is killed: its data is then what it was on disk. */
const endNode = async (context: ShutdownContext, spec: GroupSpec, node: NodeState): Promise<boolean> => {
  const place = context.place(spec.region, node.id)
  if (node.process === null || (await context.host.check(node.process, place.tag)) !== 'running') return false
  try {
    await askToEnd(context, spec, node)
    await context.host.waitGone(node.process, AbortSignal.timeout(politeMs))
  } catch (error) {
    context.log('warn', 'an engine did not end when asked and is killed', { node: node.id, error })
    await context.host.signal(node.process, place.tag, 'SIGKILL')
    await context.host.waitGone(node.process, AbortSignal.timeout(10_000))
  }
  context.connections.drop(connectionName(spec.region, node))
  return true
}

const endGroup = async (context: ShutdownContext, record: Versioned<GroupState>): Promise<number> => {
  const spec = (await readRecord<GroupSpec>(context.store, specKey(record.value)))?.value
  if (spec === undefined) return 0
  // Replicas first: a primary that ends alone would be replaced, and a replica that ends after it has seen everything it wrote.
  const primaries = new Set(Object.values(record.value.shards).map((shard) => shard.primary))
  const nodes = Object.values(record.value.nodes)
  const replicas = await Promise.all(nodes.filter((node) => !primaries.has(node.id)).map((node) => endNode(context, spec, node)))
  const rest = await Promise.all(nodes.filter((node) => primaries.has(node.id)).map((node) => endNode(context, spec, node)))
  const stopped = Object.fromEntries(nodes.map((node) => [node.id, { ...node, process: null }]))
  const result = await context.store.transact([unchanged(record)], [put(record.key, { ...record.value, nodes: stopped })])
  if (!result.ok)
    throw new LarderError('store-failed', `the state of ${record.key} changed while its nodes were stopped`, { retry: true })
  return [...replicas, ...rest].filter(Boolean).length
}

/** How many processes were ended. Nobody else may control the home meanwhile. */
export const stopEngines = async (context: ShutdownContext): Promise<number> => {
  const { records } = await listRecords<GroupState>(context.store, 'state/')
  const counts = await Promise.all(records.map((record) => endGroup(context, record)))
  await context.balancer.clear()
  await context.firewall.clear()
  return counts.reduce((sum, count) => sum + count, 0)
}
