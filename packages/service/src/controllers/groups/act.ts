/** Carries out one stage of a decision. Every action may be run again. */

import { accessOf, accessText } from '../../decide/access.ts'
import type { Action } from '../../decide/actions.ts'
import { endpointText } from '../../decide/endpoints.ts'
import { frontsText } from '../../decide/transit.ts'
import { LarderError } from '../../errors.ts'
import type { CertificateState, NodeState } from '../../model/group.ts'
import { groupName } from '../../model/keys.ts'
import type { TransitState } from '../../model/transit.ts'
import type { EngineControl } from '../../ports/engine.ts'
import type { Operation } from '../../ports/store.ts'
import type { ActInput } from './act-input.ts'
import { allocate } from './allocate.ts'
import { issueCertificate, issueEndpointCertificate } from './certificates.ts'
import { writeLogin } from './login.ts'
import { controlOf } from './observe.ts'
import { startNodes } from './start.ts'
import { changeNode, changeNodes } from './state-cell.ts'
import { removeNode, stopNode } from './stop.ts'

/** Told to whoever follows a switch step by step. */
const tell = (input: ActInput, step: string, fields: Readonly<Record<string, unknown>> = {}): void =>
  input.context.log('info', step, { group: groupName(input.spec), ...fields })

const frontsDeadlineMs = 3_000
/** Writes wait at most this long in a planned switch. */
const pauseMs = 4_000

const nodeOf = (input: ActInput, id: string): NodeState => {
  const node = input.cell.value.nodes[id]
  if (node === undefined)
    throw new LarderError('engine-unreachable', `node ${id} is not in the state of its group`, { retry: true })
  return node
}

const control = (input: ActInput, id: string): Promise<EngineControl> => controlOf(input.context, input.spec, nodeOf(input, id))

/**
 * A planned switch without a lost write. `FAILOVER TO` of the engine would do, but waits for an acknowledgement that comes once in a
 * second. So: writes are paused at the old primary, the heir is waited for until it has everything, promoted, and given the address; the old
 * one lets its clients go, who find the heir when they connect again. The pause ends by itself when Larder dies in between.
 */
const handOver = async (input: ActInput, from: string, to: string): Promise<void> => {
  const { clock } = input.context
  const [old, heir] = await Promise.all([control(input, from), control(input, to)])
  if (input.spec.kind === 'cme') {
    // The engine's own way: the primary stops its clients, the replica catches up and is voted for by all.
    tell(input, 'the engines hand over', { from, to })
    await heir.command(['CLUSTER', 'FAILOVER'])
    await untilPrimary(input, heir, to)
    tell(input, 'promoted', { node: to })
    return
  }
  await old.command(['CLIENT', 'PAUSE', String(pauseMs), 'WRITE'])
  tell(input, 'writes are paused', { node: from })
  try {
    const deadline = clock.now() + pauseMs / 2
    for (;;) {
      const [left, right] = await Promise.all([old.status(), heir.status()])
      if (left.replication !== null && left.replication.offset === right.replication?.offset) break
      if (clock.now() > deadline)
        throw new LarderError('deadline', `${to} did not catch up with ${from} within ${pauseMs / 2} ms`, { retry: true })
      await clock.sleep(1)
    }
    tell(input, 'every write has arrived', { node: to })
    // In this order: for a moment nobody takes writes, and never two, also when Larder dies between the two commands.
    await follow(input, from, to)
    await heir.replicate(null)
    tell(input, 'promoted', { node: to })
    const floating = input.cell.value.primaryEndpoint
    if (floating !== null) {
      await old.bind([nodeOf(input, from).address])
      await heir.bind([nodeOf(input, to).address, floating.address])
      tell(input, 'the primary endpoint has moved', { node: to, address: floating.address })
    }
  } finally {
    await old.command(['CLIENT', 'UNPAUSE'])
  }
}

const untilPrimary = async (input: ActInput, engine: EngineControl, id: string): Promise<void> => {
  const { clock } = input.context
  const deadline = clock.now() + pauseMs
  while ((await engine.status()).replication?.role !== 'primary') {
    if (clock.now() > deadline)
      throw new LarderError('deadline', `${id} did not become primary within ${pauseMs} ms`, { retry: true })
    await clock.sleep(2)
  }
}

/** The old primary is gone. Nothing is asked in between: clients wait. */
const promote = async (input: ActInput, action: Extract<Action, { do: 'promote' }>): Promise<void> => {
  const { node, shard, epoch, addresses } = action
  const engine = await control(input, node)
  // Rules are not replicated: whoever is primary next has those of today.
  if ((nodeOf(input, node).access ?? 'open') !== accessText(input.spec)) await applyAccess(input, node)
  if (action.owner !== null) await engine.replicateNode(action.owner)
  if (input.spec.kind === 'cme') await (action.byVote ? engine.standForElection() : engine.takeOver())
  else await Promise.all([engine.replicate(null), addresses === null ? undefined : engine.bind(addresses)])
  tell(input, 'promoted', { node, shard, epoch })
}

const follow = async (input: ActInput, id: string, primary: string): Promise<void> => {
  const target = nodeOf(input, primary)
  const engine = await control(input, id)
  if (input.spec.kind === 'cme') {
    if (target.clusterNodeId !== null) await engine.replicateNode(target.clusterNodeId)
    return
  }
  await engine.replicate({ address: target.address, port: target.port })
}

const meet = async (input: ActInput, id: string, others: readonly string[]): Promise<void> => {
  const node = nodeOf(input, id)
  await Promise.all(others.map(async (other) => (await control(input, other)).meet([{ address: node.address, port: node.port }])))
}

const applyAccess = async (input: ActInput, id: string): Promise<void> => {
  await writeLogin(input.context, input.spec, nodeOf(input, id))
  await (await control(input, id)).setAccess(accessOf(input.spec))
  const access = accessText(input.spec)
  await input.cell.update((state) => changeNode(state, id, { access }))
}

/** A certificate in the files of a node; what is kept of it. */
const writeCertificate = async (input: ActInput, node: NodeState): Promise<CertificateState> => {
  const { context, spec } = input
  const { tls, state } = issueCertificate(context, spec, input.cell.value, node)
  const files = context.adapter(spec.engine).certificateFiles(tls) ?? {}
  const { folder } = context.place(spec.region, node.id)
  for (const [name, content] of Object.entries(files)) await context.host.writeFile(`${folder}/${name}`, content)
  return state
}

/** The fronts at the addresses that an engine has just left. */
const untilFronts = async (input: ActInput, id: string): Promise<void> => {
  const { clock, balancer } = input.context
  const { port } = nodeOf(input, id)
  const places = (await (await control(input, id)).status()).bound.map((address) => `${address}:${port}`)
  const deadline = clock.now() + frontsDeadlineMs
  for (;;) {
    const served = await balancer.list()
    const missing = places.find((place) => !served.includes(place))
    if (missing === undefined) return
    if (clock.now() > deadline)
      throw new LarderError('deadline', `${missing} was not served within ${frontsDeadlineMs} ms`, { retry: true })
    await clock.sleep(2)
  }
}

const changeTransit = async (input: ActInput, id: string): Promise<void> => {
  const { spec } = input
  const node = nodeOf(input, id)
  const mode = spec.transitEncryption ?? 'none'
  const before = node.transit ?? { mode: 'none', plain: true }
  const certificate = mode === 'none' ? undefined : await writeCertificate(input, node)
  await (await control(input, id)).setTransit({ mode, port: node.port, plain: before.plain })
  if (mode === 'preferred') await untilFronts(input, id)
  // Who has come in at the port itself stays: without TLS, unless that is what has just been ended.
  const transit: TransitState = { mode, plain: mode === 'none' || (mode === 'preferred' && before.plain) }
  await input.cell.update((state) => changeNode(state, id, { transit, ...(certificate === undefined ? {} : { certificate }) }))
  tell(input, 'encryption in transit has changed', { node: id, mode })
}

/** The files first, then the engine reads them: it keeps the old certificate until it has both parts of the new one. */
const renewCertificate = async (input: ActInput, id: string): Promise<void> => {
  const certificate = await writeCertificate(input, nodeOf(input, id))
  await (await control(input, id)).reloadCertificate()
  await input.cell.update((state) => changeNode(state, id, { certificate }))
  tell(input, 'a node has a new certificate', { node: id, endsAt: new Date(certificate.endsAt).toISOString() })
}

const applySettings = async (input: ActInput, action: Extract<Action, { do: 'parameters' }>): Promise<void> => {
  const engine = await control(input, action.node)
  if (Object.keys(action.apply).length > 0) await engine.applyParameters(action.apply)
  if (action.maxMemoryBytes !== null) await engine.setMaxMemory(action.maxMemoryBytes)
  await input.cell.update((state) => {
    const node = state.nodes[action.node]
    if (node === undefined) return state
    return changeNode(state, action.node, {
      parameters: { ...node.parameters, ...action.apply },
      parameterStatus: action.pendingReboot ? 'pending-reboot' : 'in-sync',
      ...(input.spec.kind === 'memcached' ? {} : { nodeType: action.nodeType }),
    })
  })
}

const target = async (input: ActInput, action: Extract<Action, { do: 'target' }>): Promise<void> => {
  const former = input.cell.value.shards[action.shard]?.primary ?? null
  const operations: readonly Operation[] = former === null ? [] : input.events.failover(input.spec, former, action.primary)
  await input.cell.update((state) => {
    const next = { primary: action.primary, epoch: action.epoch, fence: action.fence, ...(former === null ? {} : { former }) }
    // Who is named in the place of another has the data of the shard; where nobody has, what it has is the data from now on.
    const named = former === null ? state : changeNode(state, action.primary, { joined: true, synced: true })
    return { ...named, shards: { ...state.shards, [action.shard]: next } }
  }, operations)
  if (former !== null) {
    const { shard, primary, epoch, because } = action
    tell(input, 'a shard gets another primary', { shard, primary, former, epoch, because })
  }
}

const discovery = async (input: ActInput, action: Extract<Action, { do: 'discovery' }>): Promise<void> => {
  const { endpoint, version, nodes } = action
  const issued = issueEndpointCertificate(input.context, input.spec, endpoint)
  await input.cell.update((state) => ({ ...state, discoveryVersion: version, discoveryNodes: nodes.map(endpointText) }))
  await input.context.balancer.setDiscovery(endpoint, {
    version,
    nodes,
    ...(issued === null ? {} : { tls: issued.tls }),
    ...(input.spec.auth === undefined ? {} : { authenticates: true }),
  })
  // After it is in force: one that was not is made again.
  if (issued !== null) await input.cell.update((state) => ({ ...state, endpointCertificate: issued.state }))
  input.inForce.discovery = action.version
}

const publish = async (input: ActInput, action: Extract<Action, { do: 'publish' }>): Promise<void> => {
  const places = input.cell.value.discoveryNodes.map((place) => place.replace(/^(.*):(\d+)$/, '$1|$1|$2'))
  await (await control(input, action.node)).publishDiscovery(`${action.version}\n${places.join(' ')}\n`)
  input.inForce.published.set(action.node, action.version)
}

const run = async (input: ActInput, action: Exclude<Action, { do: 'start' | 'remove-group' }>): Promise<void> => {
  const { context, spec, cell } = input
  switch (action.do) {
    case 'allocate':
      return context.allocating(() => allocate(context, spec, cell, action.nodes, action.endpoints))
    case 'target':
      return target(input, action)
    case 'stop':
      return stopNode(context, spec, cell, action.node, action.because, input.inForce)
    case 'promote':
      return promote(input, action)
    case 'follow':
      return follow(input, action.node, action.primary)
    case 'hand-over':
      return handOver(input, action.from, action.to)
    case 'slots':
      return (await control(input, action.node)).claimSlots(action.ranges)
    case 'meet':
      return meet(input, action.node, action.others)
    case 'forget': {
      const engine = await control(input, action.node)
      for (const id of action.ids) await engine.forget(id)
      return
    }
    case 'bind':
      return (await control(input, action.node)).bind(action.addresses)
    case 'readers':
      await context.balancer.setReader(action.endpoint, action.backends)
      input.inForce.readers = action.backends.map(endpointText)
      return
    case 'discovery':
      return discovery(input, action)
    case 'publish':
      return publish(input, action)
    case 'parameters':
      return applySettings(input, action)
    case 'access':
      return applyAccess(input, action.node)
    case 'fronts':
      await context.balancer.setFronts(groupName(spec), action.fronts)
      input.inForce.fronts = frontsText(action.fronts)
      return
    case 'transit':
      return changeTransit(input, action.node)
    case 'certificate':
      return renewCertificate(input, action.node)
    case 'guard':
      await context.guarding.ensure(spec, cell.value)
      return cell.update((state) => ({ ...state, securityGroups: action.securityGroups }))
    case 'joined':
      return cell.update((state) =>
        changeNodes(changeNodes(state, action.nodes, { joined: true, synced: true }), action.level ?? [], {
          level: true,
          returning: null,
        }),
      )
    case 'remove-node':
      return removeNode(context, spec, cell, action.node, input.events.nodeRemoved(spec, action.node))
  }
}

/** Actions after which clients can reach an address that they could not reach before. */
const opening: ReadonlySet<Action['do']> = new Set(['start', 'bind', 'readers', 'discovery', 'fronts'])

/** All of them side by side. Every one is given its chance; the first failure is thrown when all have come to an end. */
export const act = async (input: ActInput, actions: readonly Action[]): Promise<void> => {
  if (actions.some((action) => opening.has(action.do))) await input.context.guarding.ensure(input.spec, input.cell.value)
  const starts = actions.filter((action) => action.do === 'start')
  const others = actions.filter((action) => action.do !== 'start' && action.do !== 'remove-group')
  const starting = starts.length === 0 ? [] : [startNodes(input, starts)]
  const results = await Promise.allSettled([...starting, ...others.map((action) => run(input, action))])
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
