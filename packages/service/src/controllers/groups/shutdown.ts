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

type Ending = 'absent' | 'ended' | 'kept'

/** What does not end when asked is killed: its data is then what it was on disk. What says that it cannot write its data goes on. */
const endNode = async (context: ShutdownContext, spec: GroupSpec, node: NodeState): Promise<Ending> => {
  const place = context.place(spec.region, node.id)
  if (node.process === null || (await context.host.check(node.process, place.tag)) !== 'running') return 'absent'
  try {
    await askToEnd(context, spec, node)
    await context.host.waitGone(node.process, AbortSignal.timeout(politeMs))
  } catch (error) {
    if (error instanceof LarderError && error.code === 'engine-unsaved') {
      context.log('error', 'an engine cannot write its data, and goes on', { node: node.id, error })
      return 'kept'
    }
    context.log('warn', 'an engine did not end when asked and is killed', { node: node.id, error })
    await context.host.signal(node.process, place.tag, 'SIGKILL')
    await context.host.waitGone(node.process, AbortSignal.timeout(10_000))
  }
  context.connections.drop(connectionName(spec.region, node))
  return 'ended'
}

interface Ended {
  readonly count: number
  /** Nodes that go on. */
  readonly kept: readonly string[]
}

const endGroup = async (context: ShutdownContext, record: Versioned<GroupState>): Promise<Ended> => {
  const spec = (await readRecord<GroupSpec>(context.store, specKey(record.value)))?.value
  if (spec === undefined) return { count: 0, kept: [] }
  // Replicas first: a primary that ends alone would be replaced, and a replica that ends after it has seen everything it wrote.
  const primaries = new Set(Object.values(record.value.shards).map((shard) => shard.primary))
  const nodes = Object.values(record.value.nodes)
  const endAll = async (all: readonly NodeState[]): Promise<readonly (readonly [string, Ending])[]> =>
    Promise.all(all.map(async (node) => [node.id, await endNode(context, spec, node)] as const))
  const replicas = await endAll(nodes.filter((node) => !primaries.has(node.id)))
  const endings = new Map([...replicas, ...(await endAll(nodes.filter((node) => primaries.has(node.id))))])
  const stopped = Object.fromEntries(
    nodes.map((node) => [node.id, endings.get(node.id) === 'kept' ? node : { ...node, process: null }]),
  )
  const result = await context.store.transact([unchanged(record)], [put(record.key, { ...record.value, nodes: stopped })])
  if (!result.ok)
    throw new LarderError('store-failed', `the state of ${record.key} changed while its nodes were stopped`, { retry: true })
  const thoseOf = (wanted: Ending): readonly string[] => [...endings].filter(([, ending]) => ending === wanted).map(([id]) => id)
  return { count: thoseOf('ended').length, kept: thoseOf('kept') }
}

/**
 * How many processes were ended. Nobody else may control the home meanwhile. Throws `engine-unsaved` where some cannot write their data: these go on, and
 * whoever they let in stays the same.
 */
export const stopEngines = async (context: ShutdownContext): Promise<number> => {
  const { records } = await listRecords<GroupState>(context.store, 'state/')
  const all = await Promise.all(records.map((record) => endGroup(context, record)))
  const count = all.reduce((sum, each) => sum + each.count, 0)
  const kept = all.flatMap((each) => each.kept)
  if (kept.length > 0)
    throw new LarderError(
      'engine-unsaved',
      `expected every engine to write its data and end, found ${kept.length} that cannot write it (${kept.join(', ')}): they go on. ` +
        `${count} ended. Make room on the disk, then try again`,
    )
  await context.balancer.clear()
  await context.firewall.clear()
  return count
}
