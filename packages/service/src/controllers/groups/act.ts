/** Carries out one stage of a decision. Every action may be run again, and may be left behind while it waits. */

import { accessOf } from '../../decide/access.ts'
import type { Action } from '../../decide/actions.ts'
import { endpointText } from '../../decide/endpoints.ts'
import { frontsText } from '../../decide/transit.ts'
import { isBeside, keysOf } from '../../decide/under-way.ts'
import { LarderError } from '../../errors.ts'
import type { CertificateState, NodeState, ShardState } from '../../model/group.ts'
import { groupName } from '../../model/keys.ts'
import { discoveryFile } from '../../model/memcached.ts'
import type { TransitState } from '../../model/transit.ts'
import { steadyMs } from '../../ports/clock.ts'
import type { Operation } from '../../ports/store.ts'
import type { ActInput } from './act-input.ts'
import { allocate } from './allocate.ts'
import { issueCertificate, issueEndpointCertificate } from './certificates.ts'
import { writeLogin } from './login.ts'
import { bind, claimSlots, control, follow, handOver, nodeOf, noteAccess, promote, tell } from './roles.ts'
import { startNodes } from './start.ts'
import { changeNode, changeNodes } from './state-cell.ts'
import { removeNode, stopNode } from './stop.ts'
import type { Tasks } from './tasks.ts'

const frontsDeadlineMs = 3_000
const meet = async (input: ActInput, id: string, others: readonly string[]): Promise<void> => {
  const node = nodeOf(input, id)
  await Promise.all(others.map(async (other) => (await control(input, other)).meet([{ address: node.address, port: node.port }])))
}

const applyAccess = async (input: ActInput, id: string): Promise<void> => {
  await writeLogin(input.context, input.spec, nodeOf(input, id))
  await (await control(input, id)).setAccess(accessOf(input.spec))
  await noteAccess(input, id)
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
  const deadline = steadyMs(clock) + frontsDeadlineMs
  for (;;) {
    const served = await balancer.list()
    const missing = places.find((place) => !served.includes(place))
    if (missing === undefined) return
    if (steadyMs(clock) > deadline)
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
  const before = input.cell.value.shards[action.shard]
  const former = before?.primary ?? null
  const slots = before?.slots ?? action.slots
  const operations: readonly Operation[] = former === null ? [] : input.events.failover(input.spec, former, action.primary)
  await input.cell.updateNow((state) => {
    const next: ShardState = {
      primary: action.primary,
      epoch: action.epoch,
      fence: action.fence,
      ...(former === null ? {} : { former }),
      ...(slots === undefined ? {} : { slots }),
    }
    // Who is named in the place of another has the data of the shard; where nobody has, what it has is the data from now on.
    const named = former === null ? state : changeNode(state, action.primary, { joined: true, synced: true })
    return { ...named, shards: { ...state.shards, [action.shard]: next } }
  }, operations)
  if (former !== null) {
    const { shard, primary, epoch, because } = action
    tell(input, 'a shard gets another primary', { shard, primary, former, epoch, because })
  }
}

const own = (input: ActInput, slots: Extract<Action, { do: 'own' }>['slots']): Promise<void> =>
  input.cell.update((state) => ({
    ...state,
    shards: Object.fromEntries(
      Object.entries(state.shards).map(([id, shard]) => {
        const owned = shard.slots ?? slots[id]
        return [id, owned === undefined ? shard : { ...shard, slots: owned }]
      }),
    ),
  }))

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
  const text = `${action.version}\n${places.join(' ')}\n`
  // For the library that answers in the engine, which reads it at each question; then the key, which clients of old ask for.
  await input.context.host.writeFile(`${input.context.place(input.spec.region, action.node).folder}/${discoveryFile}`, text)
  await (await control(input, action.node)).publishDiscovery(text)
  input.inForce.published.set(action.node, action.version)
}

/** Of the processes that were seen: one that was started since may have nothing. */
const joined = ({ cell }: ActInput, nodes: readonly string[], level: readonly string[]): Promise<void> => {
  const seen = cell.value.nodes
  return cell.update((state) => {
    const isSame = (id: string): boolean => state.nodes[id]?.process?.startTime === seen[id]?.process?.startTime
    const withData = changeNodes(state, nodes.filter(isSame), { joined: true, synced: true })
    return changeNodes(withData, level.filter(isSame), { level: true, returning: null })
  })
}

const remove = async (input: ActInput, id: string): Promise<void> => {
  const { context, spec, cell, inForce } = input
  inForce.removing.add(id)
  try {
    await removeNode(context, spec, cell, id, input.events.nodeRemoved(spec, id))
  } finally {
    inForce.removing.delete(id)
  }
}

const untilGuarded = async ({ context, spec, cell, inForce }: ActInput): Promise<void> => {
  const { nodes, primaryEndpoint, readerEndpoint, configurationEndpoint } = cell.value
  await context.guarding.ensure(spec, cell.value)
  for (const place of [...Object.values(nodes), primaryEndpoint, readerEndpoint, configurationEndpoint])
    if (place !== null) inForce.guarded.add(place.address)
}

const run = async (input: ActInput, action: Exclude<Action, { do: 'start' | 'remove-group' }>): Promise<void> => {
  const { context, spec, cell } = input
  switch (action.do) {
    case 'allocate':
      return context.allocating(() => allocate(context, spec, cell, action.nodes, action.endpoints))
    case 'target':
      return target(input, action)
    case 'own':
      return own(input, action.slots)
    case 'stop':
      return stopNode(context, spec, cell, action.node, action.because, input.inForce)
    case 'promote':
      return promote(input, action)
    case 'follow':
      return follow(input, action.node, action.primary)
    case 'hand-over':
      return handOver(input, action.from, action.to)
    case 'slots':
      return claimSlots(input, action)
    case 'meet':
      return meet(input, action.node, action.others)
    case 'forget': {
      const engine = await control(input, action.node)
      for (const id of action.ids) await engine.forget(id)
      return
    }
    case 'bind':
      return bind(input, action.node, action.addresses)
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
      await untilGuarded(input)
      return cell.update((state) => ({ ...state, securityGroups: action.securityGroups }))
    case 'joined':
      return joined(input, action.nodes, action.level ?? [])
    case 'remove-node':
      return remove(input, action.node)
  }
}

/** Actions after which clients can reach an address that they could not reach before. */
const opening: ReadonlySet<Action['do']> = new Set(['start', 'bind', 'readers', 'discovery', 'fronts'])

/** Nothing is opened that was closed before: an address that only changes hands waits for nobody. */
const isGuarded = ({ inForce }: ActInput, action: Action): boolean =>
  action.do === 'bind' && action.addresses.every((address) => inForce.guarded.has(address))

const afterGuard = async (input: ActInput, action: Action, work: () => Promise<void>): Promise<void> => {
  if (opening.has(action.do) && !isGuarded(input, action)) await untilGuarded(input)
  await work()
}

/**
 * All of them side by side. Every one is given its chance; the first failure is thrown when all have come to an end. When a node is lost
 * meanwhile nothing of it is waited for: what goes on is left to `tasks`.
 */
export const act = async (input: ActInput, actions: readonly Action[], tasks: Tasks, loss: Promise<void>): Promise<void> => {
  const starts = actions.filter((action) => action.do === 'start')
  const others = actions.filter((action) => action.do !== 'start' && action.do !== 'remove-group')
  const [first] = starts
  const begun = [
    ...(first === undefined
      ? []
      : [tasks.begin(starts.flatMap(keysOf), () => afterGuard(input, first, () => startNodes(input, starts)))]),
    ...others.map((action) => {
      const task = tasks.begin(keysOf(action), () => afterGuard(input, action, () => run(input, action)))
      if (isBeside(action)) task.leave()
      return isBeside(action) ? null : task
    }),
  ].filter((task) => task !== null)
  const ended = Promise.all(begun.map((task) => task.done))
  // A target is never left behind: until it is known whether it was written nobody knows who is who.
  const results = actions.some((action) => action.do === 'target')
    ? await ended
    : await Promise.race([ended, loss.then(() => null)])
  if (results === null) {
    for (const task of begun) task.leave()
    return
  }
  const failed = results.find((result) => result !== null)
  if (failed !== undefined) throw failed.error
}
