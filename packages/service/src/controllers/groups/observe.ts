/** Looks at the nodes of a group: which processes exist, and what the engines say. Changes nothing. */
import type { Observed, ObservedNode } from '../../decide/observed.ts'
import { LarderError } from '../../errors.ts'
import type { GroupSpec, GroupState, NodeState, ProcessIdentity } from '../../model/group.ts'
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
/** An engine that answers later than this is busy: it is no candidate, and nobody waits for it. */
const answerDeadlineMs = 400
const goneLooks = 20

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

type Answer = { readonly status: EngineStatus } | { readonly ended: boolean }

/** Whoever is hung is not waited for; whoever is busy only as long as clients of the others can bear. */
const askEngine = async (context: GroupContext, spec: GroupSpec, node: NodeState, process: ProcessIdentity): Promise<Answer> => {
  const name = connectionName(spec.region, node)
  if (context.health.isHung(name, process)) return { ended: false }
  const asked = new AbortController()
  const answer = async (): Promise<Answer> => {
    try {
      const engine = await controlOf(context, spec, node, answerDeadlineMs)
      return { status: await engine.status(answerDeadlineMs) }
    } catch (error) {
      if (!(error instanceof LarderError)) throw error
      context.log('debug', 'an engine did not answer', { node: node.id, error })
      return { ended: error.code === 'engine-unreachable' }
    }
  }
  try {
    return await Promise.race([answer(), context.health.whenHung(name, process, asked.signal).then(() => ({ ended: false }))])
  } finally {
    asked.abort()
  }
}

/** A connection ends a moment before its process can be seen to be gone. */
const isGone = async (
  context: GroupContext,
  identity: ProcessIdentity,
  tag: string,
  connectionEnded: boolean,
): Promise<boolean> => {
  for (let look = 0; ; look += 1) {
    if ((await context.host.check(identity, tag)) !== 'running') return true
    if (!connectionEnded || look === goneLooks) return false
    await context.clock.sleep(1)
  }
}

const observeNode = async (context: GroupContext, spec: GroupSpec, node: NodeState): Promise<ObservedNode> => {
  const { id } = node
  const place = context.place(spec.region, id)
  const name = connectionName(spec.region, node)
  const absent = async (): Promise<ObservedNode> => {
    context.connections.drop(name)
    return { id, process: 'absent', hung: false, engine: null, persisted: await context.readPersisted(place.folder) }
  }
  const { process } = node
  if (process === null || (await isGone(context, process, place.tag, false))) return absent()
  const answer = await askEngine(context, spec, node, process)
  if ('ended' in answer) {
    if (await isGone(context, process, place.tag, answer.ended)) return absent()
    return { id, process: 'running', hung: context.health.isHung(name, process), engine: null, persisted: null }
  }
  const { status } = answer
  if (status.pid !== process.pid) {
    context.log('error', 'another process answers on the socket of a node', {
      node: id,
      expected: process.pid,
      found: status.pid,
    })
    return { id, process: 'doubt', hung: false, engine: null, persisted: null }
  }
  return { id, process: 'running', hung: false, engine: status, persisted: null }
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
