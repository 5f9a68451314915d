/** Looks at the nodes of a group: which processes exist, and what the engines say. Changes nothing. */
import type { Observed, ObservedNode } from '../../decide/observed.ts'
import { LarderError } from '../../errors.ts'
import type { GroupSpec, GroupState, NodeState } from '../../model/group.ts'
import type { EngineControl, EngineStatus } from '../../ports/engine.ts'
import { connectionName } from './connections.ts'
import type { GroupContext } from './context.ts'

/** What this process itself has put in force since it started; null means that it does not know yet. */
export interface InForce {
  readers: readonly string[] | null
  discovery: number | null
  /** Node id to the discovery version that it was told. */
  readonly published: Map<string, number>
}

const connectDeadlineMs = 1_000

export const controlOf = (
  context: GroupContext,
  spec: GroupSpec,
  node: NodeState,
  deadlineMs = connectDeadlineMs,
): Promise<EngineControl> => {
  const plan = {
    socket: context.place(spec.region, node.id).socket,
    address: node.address,
    port: node.port,
    secrets: context.secrets,
    kind: spec.kind,
  }
  return context.connections.open(connectionName(spec.region, node), context.adapter(node.engine), plan, deadlineMs)
}

const askEngine = async (context: GroupContext, spec: GroupSpec, node: NodeState): Promise<EngineStatus | null> => {
  try {
    const control = await controlOf(context, spec, node)
    return await control.status()
  } catch (error) {
    if (!(error instanceof LarderError)) throw error
    context.log('debug', 'an engine did not answer', { node: node.id, error })
    return null
  }
}

const observeNode = async (context: GroupContext, spec: GroupSpec, node: NodeState): Promise<ObservedNode> => {
  const place = context.place(spec.region, node.id)
  const absent = async (): Promise<ObservedNode> => {
    context.connections.drop(connectionName(spec.region, node))
    return { id: node.id, process: 'absent', engine: null, persisted: await context.readPersisted(place.folder) }
  }
  if (node.process === null) return absent()
  if ((await context.host.check(node.process, place.tag)) !== 'running') return absent()
  const engine = await askEngine(context, spec, node)
  if (engine !== null && engine.pid !== node.process.pid) {
    context.log('error', 'another process answers on the socket of a node', {
      node: node.id,
      expected: node.process.pid,
      found: engine.pid,
    })
    return { id: node.id, process: 'doubt', engine: null, persisted: null }
  }
  return { id: node.id, process: 'running', engine, persisted: null }
}

export const observeGroup = async (
  context: GroupContext,
  spec: GroupSpec,
  state: GroupState,
  inForce: InForce,
): Promise<Observed> => {
  const nodes = await Promise.all(Object.values(state.nodes).map((node) => observeNode(context, spec, node)))
  return {
    nodes: Object.fromEntries(nodes.map((node) => [node.id, node])),
    readers: inForce.readers,
    discovery: inForce.discovery,
    published: Object.fromEntries(inForce.published),
  }
}
