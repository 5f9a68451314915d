/**
 * Gives nodes their roles and addresses. Each of these may be left behind while it waits, so each looks first whether what it was decided upon
 * still holds.
 */

import { accessOf, accessText } from '../../decide/access.ts'
import type { Action } from '../../decide/actions.ts'
import { LarderError } from '../../errors.ts'
import type { NodeState } from '../../model/group.ts'
import { groupName } from '../../model/keys.ts'
import { steadyMs } from '../../ports/clock.ts'
import type { EngineControl } from '../../ports/engine.ts'
import type { ActInput } from './act-input.ts'
import { controlOf } from './observe.ts'
import { changeNode } from './state-cell.ts'

/** Told to whoever follows a switch step by step. */
export const tell = (input: ActInput, step: string, fields: Readonly<Record<string, unknown>> = {}): void =>
  input.context.log('info', step, { group: groupName(input.spec), ...fields })

/** Writes wait at most this long in a planned switch. */
const pauseMs = 4_000

export const nodeOf = (input: ActInput, id: string): NodeState => {
  const node = input.cell.value.nodes[id]
  if (node === undefined)
    throw new LarderError('engine-unreachable', `node ${id} is not in the state of its group`, { retry: true })
  return node
}

/** Of the shard of this node; null where there is none. */
const epochOf = ({ cell }: ActInput, id: string): number | null => {
  const shard = cell.value.nodes[id]?.shard
  return shard === undefined ? null : (cell.value.shards[shard]?.epoch ?? null)
}

/** Roles have changed since, while it waited. */
const isStale = (input: ActInput, id: string, epoch: number | null): boolean => {
  if (!input.isReplaced() && epochOf(input, id) === epoch) return false
  tell(input, 'an action came too late and is left out', { node: id, epoch })
  return true
}

export const control = (input: ActInput, id: string): Promise<EngineControl> =>
  controlOf(input.context, input.spec, nodeOf(input, id))

/**
 * A planned switch without a lost write. `FAILOVER TO` of the engine would do, but waits for an acknowledgement that comes once in a
 * second. So: writes are paused at the old primary, and the heir is waited for until it has everything. Then the old one lets go of the
 * address, which closes the connections that came through it, before it becomes a replica: a client sees a pause and a closed connection, and
 * no error. The heir is promoted and binds the address in one go. The pause ends by itself when Larder dies in between.
 */
export const handOver = async (input: ActInput, from: string, to: string): Promise<void> => {
  const { clock } = input.context
  const epoch = epochOf(input, to)
  const [old, heir] = await Promise.all([control(input, from), control(input, to)])
  if (isStale(input, to, epoch)) return
  if (input.spec.kind === 'cme') {
    // The engine's own way: the primary stops its clients, the replica catches up and is voted for by all.
    tell(input, 'the engines hand over', { from, to })
    await heir.command(['CLUSTER', 'FAILOVER'])
    await untilPrimary(input, heir, to)
    tell(input, 'promoted', { node: to })
    return
  }
  const pausedAt = steadyMs(clock)
  await old.command(['CLIENT', 'PAUSE', String(pauseMs), 'WRITE'])
  tell(input, 'writes are paused', { node: from })
  try {
    for (;;) {
      const [left, right] = await Promise.all([old.status(), heir.status()])
      if (left.replication !== null && left.replication.offset === right.replication?.offset) break
      if (steadyMs(clock) > pausedAt + pauseMs / 2)
        throw new LarderError('deadline', `${to} did not catch up with ${from} within ${pauseMs / 2} ms`, { retry: true })
      await clock.sleep(1)
    }
    tell(input, 'every write has arrived', { node: to })
    if (isStale(input, to, epoch)) return
    const floating = input.cell.value.primaryEndpoint
    if (floating !== null) await old.bind([nodeOf(input, from).address])
    // A write after the end of the pause would be lost.
    if (steadyMs(clock) > pausedAt + (pauseMs * 3) / 4)
      throw new LarderError('deadline', `${from} took too long to let its clients go`, { retry: true })
    // In this order: for a moment nobody takes writes, and never two, also when Larder dies between the two commands.
    const { address, port } = nodeOf(input, to)
    await old.replicate({ address, port })
    await Promise.all([heir.replicate(null), floating === null ? undefined : heir.bind([address, floating.address])])
    tell(input, 'promoted', { node: to })
    if (floating !== null) tell(input, 'the primary endpoint has moved', { node: to, address: floating.address })
  } finally {
    await old.command(['CLIENT', 'UNPAUSE'])
  }
}

const untilPrimary = async (input: ActInput, engine: EngineControl, id: string): Promise<void> => {
  const { clock } = input.context
  const deadline = steadyMs(clock) + pauseMs
  while ((await engine.status()).replication?.role !== 'primary') {
    if (steadyMs(clock) > deadline)
      throw new LarderError('deadline', `${id} did not become primary within ${pauseMs} ms`, { retry: true })
    await clock.sleep(2)
  }
}

/** The old primary is gone. Nothing is asked in between: clients wait. */
export const promote = async (input: ActInput, action: Extract<Action, { do: 'promote' }>): Promise<void> => {
  const { node, shard, epoch, addresses } = action
  const engine = await control(input, node)
  if (isStale(input, node, epoch)) return
  // Rules are not replicated: whoever is primary next has those of today.
  const isOfToday = (nodeOf(input, node).access ?? 'open') === accessText(input.spec)
  if (!isOfToday) await engine.setAccess(accessOf(input.spec))
  if (action.owner !== null) await engine.replicateNode(action.owner)
  if (input.spec.kind === 'cme') await (action.byVote ? engine.standForElection() : engine.takeOver())
  else await Promise.all([engine.replicate(null), addresses === null ? undefined : engine.bind(addresses)])
  tell(input, 'promoted', { node, shard, epoch })
  if (!isOfToday) await noteAccess(input, node)
}

export const follow = async (input: ActInput, id: string, primary: string): Promise<void> => {
  const epoch = epochOf(input, id)
  const target = nodeOf(input, primary)
  const engine = await control(input, id)
  if (isStale(input, id, epoch)) return
  if (input.spec.kind === 'cme') {
    if (target.clusterNodeId !== null) await engine.replicateNode(target.clusterNodeId)
    return
  }
  await engine.replicate({ address: target.address, port: target.port })
}

export const bind = async (input: ActInput, id: string, addresses: readonly string[]): Promise<void> => {
  const epoch = epochOf(input, id)
  const engine = await control(input, id)
  if (!isStale(input, id, epoch)) await engine.bind(addresses)
}

export const claimSlots = async (input: ActInput, action: Extract<Action, { do: 'slots' }>): Promise<void> => {
  const epoch = epochOf(input, action.node)
  const engine = await control(input, action.node)
  if (!isStale(input, action.node, epoch)) await engine.claimSlots(action.ranges)
}

/** Clients are asked for the tokens of today. */
export const noteAccess = (input: ActInput, id: string): Promise<void> =>
  input.cell.update((state) => changeNode(state, id, { access: accessText(input.spec) }))
