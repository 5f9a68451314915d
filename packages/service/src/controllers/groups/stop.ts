/** Ends processes and takes nodes and whole groups away. */
import type { StopReason } from '../../decide/actions.ts'
import { LarderError } from '../../errors.ts'
import type { GroupSpec, GroupState, NodeState, ProcessIdentity } from '../../model/group.ts'
import { addressKey, clusterKey, groupName, removedKey, specKey, stateKey } from '../../model/keys.ts'
import type { RemovedNode } from '../../model/records.ts'
import { put, remove, unchanged, type Versioned } from '../../ports/records.ts'
import type { Operation } from '../../ports/store.ts'
import { connectionName } from './connections.ts'
import type { GroupContext } from './context.ts'
import { controlOf, type InForce } from './observe.ts'
import { changeNode, type StateCell } from './state-cell.ts'

const goneDeadlineMs = 10_000
/** A killed process is gone in milliseconds, one with much memory in some hundred; nobody waits longer. */
const stuckAfterMs = 200

/** Resolves when the process has been seen to be gone. Also a start that was cut off is found, by its tag. */
const endProcess = async (context: GroupContext, region: string, node: NodeState): Promise<void> => {
  const place = context.place(region, node.id)
  context.connections.drop(connectionName({ region }.region, node))
  const identities = node.process === null ? await context.host.findByTag(place.tag) : [node.process]
  for (const identity of identities) {
    if ((await context.host.check(identity, place.tag)) !== 'running') continue
    await context.host.signal(identity, place.tag, 'SIGKILL')
    if (await hasGone(context, identity)) continue
    const state = (await context.host.sample(identity))?.state ?? 'unknown'
    throw new LarderError(
      'machine',
      `process ${identity.pid} of node ${node.id} was killed and is still there after ${goneDeadlineMs} ms, in state ${state}`,
      { retry: true },
    )
  }
}

/** Sends SIGKILL and waits for the end, within bounds. */
const hasGone = async (context: GroupContext, identity: ProcessIdentity, deadlineMs = goneDeadlineMs): Promise<boolean> => {
  const waiting = new AbortController()
  const gone = context.host.waitGone(identity, waiting.signal).then(
    () => true,
    () => false, // no longer waited for
  )
  const late = context.clock.sleep(deadlineMs, waiting.signal).then(
    () => false,
    () => true, // it has gone before
  )
  try {
    return await Promise.race([gone, late])
  } finally {
    waiting.abort()
  }
}

/**
 * False: it was sent SIGKILL and is still there. That is no failure and nobody waits for it longer: other nodes and shards have their own needs.
 * Nobody takes its place before it has ended.
 */
const killed = async (context: GroupContext, spec: GroupSpec, node: NodeState, inForce: InForce): Promise<boolean> => {
  if (node.process === null) {
    await endProcess(context, spec.region, node) // a start that was cut off
    return true
  }
  const { tag } = context.place(spec.region, node.id)
  if ((await context.host.check(node.process, tag)) !== 'running') return true
  await context.host.signal(node.process, tag, 'SIGKILL')
  if (await hasGone(context, node.process, stuckAfterMs)) {
    context.connections.drop(connectionName(spec.region, node))
    return true
  }
  inForce.killed.set(node.id, node.process)
  context.log('error', 'a node was killed and is still there: it is stuck in the kernel', {
    node: node.id,
    pid: node.process.pid,
  })
  return false
}

/** Big data take a while to be written. */
const savedDeadlineMs = 60_000

/** Nobody else has its data: it writes them and ends by itself. Where it cannot, it goes on, and the step fails. */
const endSaved = async (context: GroupContext, spec: GroupSpec, node: NodeState): Promise<void> => {
  const { tag } = context.place(spec.region, node.id)
  if (node.process === null || (await context.host.check(node.process, tag)) !== 'running') return
  await (await controlOf(context, spec, node)).shutdown({ save: true })
  if (await hasGone(context, node.process, savedDeadlineMs)) return
  throw new LarderError('machine', `node ${node.id} was asked to write its data and end, and runs after ${savedDeadlineMs} ms`, {
    retry: true,
  })
}

export const stopNode = async (
  context: GroupContext,
  spec: GroupSpec,
  cell: StateCell,
  id: string,
  because: StopReason,
  inForce: InForce,
): Promise<void> => {
  const node = cell.value.nodes[id]
  if (node === undefined) return
  if (because === 'upgrade') await endSaved(context, spec, node)
  if (!(await killed(context, spec, node, inForce))) return
  context.log('info', 'a node was ended', { group: groupName(spec), node: id, because })
  const status = because === 'hung' || because === 'zone' || because === 'late' ? 'modifying' : 'rebooting cluster nodes'
  await cell.update((state) => changeNode(state, id, { process: null, status }))
}

const without = (state: GroupState, id: string): GroupState => {
  const { [id]: _gone, ...nodes } = state.nodes
  return { ...state, nodes }
}

/** The node's cluster index key goes with it; a Memcached node shares the index key of its cluster, which stays. */
const indexOperations = (spec: GroupSpec, id: string): readonly Operation[] =>
  spec.kind === 'memcached' ? [] : [remove(clusterKey(spec.region, id))]

/** Says for later starts that what is still found of this node may be deleted. */
const tombstone = (context: GroupContext, region: string, id: string): Operation => {
  const record: RemovedNode = { region, id, at: context.clock.now() }
  return put(removedKey(region, id), record)
}

/**
 * Whether the primary that the decision saw has died since: a look takes as long as the slowest of its answers. What is to be removed may then be
 * the last copy, and the next look decides about it.
 */
const hasLostPrimary = async (context: GroupContext, spec: GroupSpec, state: GroupState, node: NodeState): Promise<boolean> => {
  const id = state.shards[node.shard]?.primary
  const primary = id === undefined || id === null || id === node.id ? undefined : state.nodes[id]
  if (primary === undefined) return false
  if (primary.process === null) return true
  return (await context.host.check(primary.process, context.place(spec.region, primary.id).tag)) !== 'running'
}

const removeSockets = async (context: GroupContext, spec: GroupSpec, node: NodeState): Promise<void> => {
  const { socket } = context.place(spec.region, node.id)
  for (const path of [socket, ...context.adapter(node.engine).socketsBeside(socket)]) await context.host.removeFile(path)
}

export const removeNode = async (
  context: GroupContext,
  spec: GroupSpec,
  cell: StateCell,
  id: string,
  events: readonly Operation[],
): Promise<void> => {
  const node = cell.value.nodes[id]
  if (node === undefined) return
  if (spec.kind !== 'memcached' && (await hasLostPrimary(context, spec, cell.value, node))) return
  await endProcess(context, spec.region, node)
  await context.host.removeFolder(context.place(spec.region, id).folder)
  await removeSockets(context, spec, node)
  await cell.update(
    (state) => without(state, id),
    [remove(addressKey(node.address)), ...indexOperations(spec, id), tombstone(context, spec.region, id), ...events],
  )
}

const endpointsOf = (state: GroupState) =>
  [state.primaryEndpoint, state.readerEndpoint, state.configurationEndpoint].filter((endpoint) => endpoint !== null)

/** Takes everything down, and deletes all records of the group in one transaction. */
export const removeGroup = async (
  context: GroupContext,
  record: Versioned<GroupSpec>,
  state: { readonly value: GroupState; readonly revision: number },
  retain: string | null,
  events: readonly Operation[],
): Promise<void> => {
  const spec = record.value
  for (const endpoint of [state.value.readerEndpoint, state.value.configurationEndpoint]) {
    if (endpoint !== null && spec.kind !== 'cme') await context.balancer.remove(endpoint)
  }
  if (spec.transitEncryption !== undefined) await context.balancer.setFronts(groupName(spec), [])
  const kept = retain === null ? undefined : state.value.nodes[retain]
  const leaving = Object.values(state.value.nodes).filter((node) => node !== kept)
  await Promise.all(
    leaving.map(async (node) => {
      await endProcess(context, spec.region, node)
      const place = context.place(spec.region, node.id)
      await context.host.removeFolder(place.folder)
      await removeSockets(context, spec, node)
    }),
  )
  const clusterIds = new Set(spec.shards.flatMap((shard) => shard.nodes.map((node) => node.clusterId)))
  for (const node of leaving) if (spec.kind !== 'memcached') clusterIds.add(node.id)
  if (kept !== undefined) clusterIds.delete(kept.id)
  const operations: Operation[] = [
    remove(specKey(spec)),
    remove(stateKey(spec)),
    ...[...clusterIds].map((id) => remove(clusterKey(spec.region, id))),
    ...leaving.map((node) => remove(addressKey(node.address))),
    ...leaving.map((node) => tombstone(context, spec.region, node.id)),
    ...endpointsOf(state.value).map((endpoint) => remove(addressKey(endpoint.address))),
    ...(kept === undefined ? [] : retained(spec, state.value, kept)),
    ...events,
  ]
  const result = await context.store.transact([unchanged(record)], operations)
  if (!result.ok) throw new LarderError('store-failed', `${specKey(spec)} was changed while it was deleted`, { retry: true })
}

/** The primary goes on as a cluster of its own, with its address, its process and its data. */
const retained = (spec: GroupSpec, state: GroupState, node: NodeState): readonly Operation[] => {
  const key = { region: spec.region, space: 'cc', id: node.id } as const
  const shard = spec.shards.find((candidate) => candidate.nodes.some((entry) => entry.id === node.id))
  const entry = shard?.nodes.find((candidate) => candidate.id === node.id)
  if (entry === undefined) return []
  const single: GroupSpec = {
    ...spec,
    ...key,
    kind: 'single',
    automaticFailover: false,
    multiAz: false,
    clusterMode: 'disabled',
    shards: [{ id: '0001', slots: [], nodes: [entry], wantedPrimary: null }],
    pending: null,
    deletion: null,
    generation: 1,
  }
  const singleState: GroupState = {
    ...state,
    ...key,
    status: 'modifying',
    generation: 0,
    shards: { '0001': { primary: node.id, epoch: (state.shards[shard?.id ?? '']?.epoch ?? 0) + 1 } },
    nodes: { [node.id]: { ...node, shard: '0001' } },
    primaryEndpoint: null,
    readerEndpoint: null,
    configurationEndpoint: null,
  }
  return [
    put(specKey(key), single),
    put(stateKey(key), singleState),
    put(clusterKey(spec.region, node.id), { space: 'cc', id: node.id }),
    put(addressKey(node.address), { group: `${spec.region}/cc/${node.id}`, use: node.id }),
  ]
}
