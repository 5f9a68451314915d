/** Starts processes of nodes. Intent is written before, identity after, and everything between may be run again. */

import { accessOf, accessText } from '../../decide/access.ts'
import type { Action, StartReason } from '../../decide/actions.ts'
import { servesWithinMs } from '../../decide/disk-first.ts'
import type { WantedSettings } from '../../decide/input.ts'
import { withStart } from '../../decide/restarts.ts'
import { LarderError } from '../../errors.ts'
import { hasElection } from '../../model/cluster.ts'
import type { GroupSpec, GroupState, NodeState, ProcessIdentity } from '../../model/group.ts'
import { leavingNode } from '../../model/members.ts'
import { protocolOf } from '../../model/memcached.ts'
import { withPresentShards } from '../../model/shards.ts'
import type { TransitState } from '../../model/transit.ts'
import { lastWords } from '../../observe/last-words.ts'
import type { InstalledEngine } from '../../ports/catalog.ts'
import { steadyMs } from '../../ports/clock.ts'
import type { ClusterRejoin, NodePlan } from '../../ports/engine.ts'
import { replicationPassword } from '../../security/replication-password.ts'
import type { ActInput } from './act-input.ts'
import { learnDamage, setAside } from './aside.ts'
import { issueCertificate } from './certificates.ts'
import { clusterPlan } from './cluster-plan.ts'
import type { GroupContext } from './context.ts'
import { loginOf } from './login.ts'
import { controlOf } from './observe.ts'
import { engineServing } from './serving.ts'
import { nodeTypeOf } from './settings.ts'
import { changeNode, changeNodes, type StateCell } from './state-cell.ts'

type StartAction = Extract<Action, { do: 'start' }>

const serveDeadlineMs = 15_000
const pollMs = 4
/** An engine that starts does not take long to accept a connection, and others may be waiting. */
const connectDeadlineMs = 400

const engineOf = (context: GroupContext, spec: GroupSpec, state: GroupState): InstalledEngine => {
  const engine = engineServing(context.catalog, spec, state)
  if (engine !== null) return engine
  const known = context.catalog.list().map((entry) => `${entry.engine} ${entry.version}`)
  throw new LarderError(
    'engine-missing',
    `expected ${spec.engine} ${spec.engineVersion} on this machine, found ${known.join(', ') || 'no engine'}`,
    {
      retry: true,
    },
  )
}

const planOf = (
  context: GroupContext,
  spec: GroupSpec,
  cell: StateCell,
  node: NodeState,
  action: StartAction,
  wanted: WantedSettings,
  clusterFile: string | null,
  engine: InstalledEngine,
): NodePlan => {
  const place = context.place(spec.region, node.id)
  const primary = action.replicaOf === null ? undefined : cell.value.nodes[action.replicaOf]
  const wantedNode = spec.shards.flatMap((shard) => shard.nodes).find((candidate) => candidate.id === node.id)
  const { zone } = wantedNode ?? leavingNode(spec, node)
  const login = loginOf(context, spec, context.machine.name)
  const cluster = spec.kind === 'cme' && (!node.joined || clusterFile === null) ? clusterPlan(spec, cell.value, node) : null
  const logins = context.logins(engine)
  const discoveryModule = spec.kind === 'memcached' ? context.discoveryModule(engine) : null
  return {
    id: node.id,
    engine,
    kind: spec.kind,
    address: node.address,
    port: node.port,
    floating: [],
    folder: place.folder,
    socket: place.socket,
    zone,
    parameters: wanted.parameters,
    maxMemoryBytes: wanted.maxMemoryBytes,
    cpus: nodeTypeOf(spec).cpus,
    ioThreads: wanted.ioThreads,
    runAs: context.machine.user,
    ...(context.machine.openFiles === null ? {} : { openFiles: context.machine.openFiles }),
    secrets: { ...context.secrets, replication: replicationPassword(context.secrets.replication, spec.replicationName) },
    replicaOf: spec.kind === 'cmd' && primary !== undefined ? { address: primary.address, port: primary.port } : null,
    ...(cluster === null ? {} : { cluster }),
    ...(logins === null ? {} : { logins: { ...logins, scope: `${spec.region}/${node.id}` } }),
    ...(spec.kind === 'memcached' ? {} : { access: accessOf(spec) }),
    ...(login === null ? {} : { memcachedLogin: login }),
    ...(discoveryModule === null ? {} : { discoveryModule }),
    ...(spec.transitEncryption === undefined ? {} : { transit: spec.transitEncryption }),
    ...(hasElection(withPresentShards(spec, cell.value)) ? { election: true } : {}),
  }
}

const transitAtStart = ({ transitEncryption }: GroupSpec): TransitState => ({
  mode: transitEncryption ?? 'none',
  plain: transitEncryption === undefined,
})

/**
 * An earlier start may have been cut off after the process ran and before its identity was written, or a process that lives was not recognised: it
 * goes on being used. A second one of its node could only fail on its address, and nobody would ever end the first.
 */
const alreadyStarted = async (context: GroupContext, tag: string): Promise<ProcessIdentity | null> => {
  const [found] = await context.host.findByTag(tag)
  return found ?? null
}

/** What a node of a sharded group has to know that comes back as a replica; null where it has no file, or its primary cannot be asked. */
const rejoinOf = async (
  context: GroupContext,
  spec: GroupSpec,
  cell: StateCell,
  node: NodeState,
  action: StartAction,
  previous: string | null,
): Promise<ClusterRejoin | null> => {
  const primary = action.replicaOf === null ? undefined : cell.value.nodes[action.replicaOf]
  if (spec.kind !== 'cme' || !node.joined || node.clusterNodeId === null || primary?.clusterNodeId == null) return null
  const view = (await (await controlOf(context, spec, primary)).status()).cluster
  if (previous === null || view === null) return null
  return { previous, myId: node.clusterNodeId, primaryId: primary.clusterNodeId, view }
}

/** Memcached reads a certificate anew by a command of its text protocol alone. */
const hasFixedCertificate = ({ kind }: GroupSpec, { parameters }: WantedSettings): boolean =>
  kind === 'memcached' && protocolOf(parameters) === 'binary'

/** What a node of a sharded group knew when it ended. Null: nothing that counts; a file that is not its own is kept beside. */
const clusterFileOf = async (input: ActInput, node: NodeState): Promise<string | null> => {
  const { context, spec } = input
  if (spec.kind !== 'cme') return null
  const path = `${context.place(spec.region, node.id).folder}/nodes.conf`
  const isFolder = (error: unknown): string => {
    if (error instanceof Error && 'code' in error && error.code === 'EISDIR') return ''
    throw error
  }
  const found = await context.host.readFile(path).catch(isFolder)
  if (found === null || !node.joined || node.clusterNodeId === null) return found
  if (context.adapter(node.engine).knowsItself(found, node.clusterNodeId)) return found
  await setAside(input, node, ['nodes.conf'])
  return null
}

const launch = async (
  input: ActInput,
  node: NodeState,
  action: StartAction,
  engine: InstalledEngine,
  isMeant: () => boolean,
  onLaunch: () => void,
): Promise<{ readonly identity: ProcessIdentity; readonly isFound: boolean }> => {
  const { context, spec, cell, wanted } = input
  const place = context.place(spec.region, node.id)
  // A new node has none to look for.
  const running = node.starting || node.process !== null ? await alreadyStarted(context, place.tag) : null
  if (running !== null) return { identity: running, isFound: true }
  await learnDamage(input, node)
  if (action.aside !== undefined) await setAside(input, node, action.aside)
  const clusterFile = await clusterFileOf(input, node)
  const plan = planOf(context, spec, cell, node, action, wanted, clusterFile, engine)
  const issued =
    spec.transitEncryption === undefined
      ? null
      : issueCertificate(context, spec, cell.value, node, hasFixedCertificate(spec, wanted))
  const rejoin = await rejoinOf(context, spec, cell, node, action, clusterFile)
  const { files, launch: how } = context
    .adapter(spec.engine)
    .render({ ...plan, ...(rejoin === null ? {} : { rejoin }), ...(issued === null ? {} : { tls: issued.tls }) })
  await context.host.makeFolder(place.folder)
  if (action.because === 'rebooted') await context.host.removeFile(`${place.folder}/dump.rdb`)
  await Promise.all(Object.entries(files).map(([name, content]) => context.host.writeFile(`${place.folder}/${name}`, content)))
  if (issued !== null) await cell.update((state) => changeNode(state, node.id, { certificate: issued.state }))
  if (!isMeant())
    throw new LarderError('engine-start', `roles changed before node ${node.id} was started: it is decided anew`, { retry: true })
  onLaunch()
  return { identity: await context.host.start(how), isFound: false }
}

/** Waits until the engine answers on its control socket; ends early when the process does, and when something else happens to the group. */
const untilServing = async (
  input: ActInput,
  node: NodeState,
  identity: ProcessIdentity,
  withinMs = serveDeadlineMs,
): Promise<void> => {
  const { context, spec } = input
  const place = context.place(spec.region, node.id)
  const deadline = steadyMs(context.clock) + withinMs
  while (!input.interrupted()) {
    try {
      await controlOf(context, spec, node, connectDeadlineMs)
      return
    } catch (error) {
      const gone = (await context.host.check(identity, place.tag)) !== 'running'
      if (gone) {
        await learnDamage(input, node)
        // An engine that cannot read its configuration does not know yet where its log is.
        const early = (await context.host.tail(`${place.folder}/engine.out`, 600)).trim()
        const said = lastWords(early || (await context.host.tail(`${place.folder}/engine.log`, 600)), 3)
        throw new LarderError('engine-start', `node ${node.id} ended right after its start; it said: ${said || 'nothing'}`, {
          cause: error,
          retry: true,
        })
      }
      if (steadyMs(context.clock) > deadline) {
        throw new LarderError('engine-start', `node ${node.id} runs but did not answer within ${withinMs} ms`, {
          cause: error,
          retry: true,
        })
      }
    }
    await context.clock.sleep(pollMs)
  }
}

interface Launched {
  readonly action: StartAction
  readonly identity: ProcessIdentity
  /** It ran already. */
  readonly isFound: boolean
}

/** Of a process that ran before it was known: whom it lets in, and whether it has all data, is to be asked. */
const found = (
  { context, spec, wanted }: Pick<ActInput, 'context' | 'spec' | 'wanted'>,
  state: GroupState,
  node: NodeState,
  process: ProcessIdentity,
) => {
  const started = node.process?.pid === process.pid ? null : engineServing(context.catalog, spec, state)
  return {
    process,
    starting: false,
    synced: false,
    level: false,
    access: 'unknown',
    transit: { mode: 'unknown', plain: true },
    engine: spec.engine,
    engineVersion: started?.version ?? node.engineVersion,
    parameters: wanted.parameters,
  } as const satisfies Partial<NodeState>
}

const recoveries: ReadonlySet<StartReason> = new Set(['recovered', 'lost-all', 'disk-first'])

/** A primary starts with a history of its own: those of its shard that live have to copy it anew. */
const withUnlevelReplicas = (state: GroupState, { node: id, replicaOf }: StartAction): GroupState => {
  const shard = state.nodes[id]?.shard ?? ''
  const others = Object.values(state.nodes).filter((other) => other.id !== id && other.shard === shard && other.process !== null)
  if (replicaOf !== null || state.shards[shard]?.primary !== id) return state
  return changeNodes(
    state,
    others.map((other) => other.id),
    { level: false },
  )
}

/** Starts all of these nodes side by side. Those that came up are recorded also when another one failed; the first failure is thrown. */
const launchAll = async (input: ActInput, actions: readonly StartAction[]): Promise<readonly Launched[]> => {
  const { context, spec, cell, wanted, events, inForce } = input
  const before = cell.value
  const engine = engineOf(context, spec, before)
  const ids = actions.map((action) => action.node)
  const recovering = actions.filter((action) => recoveries.has(action.because)).map((action) => action.node)
  const now = context.clock.now()
  const returning = actions.filter((action) => action.because === 'disk-first').map((action) => action.node)
  await cell.update(
    (state) => {
      const counted = ids.reduce(
        (next, id) => changeNode(next, id, { starting: true, starts: withStart(next.nodes[id]?.starts, now) }),
        state,
      )
      return changeNodes(counted, returning, { returning: now })
    },
    recovering.length === 0 ? [] : events.recovering(spec, recovering),
  )
  const started = await Promise.allSettled(
    actions.map(async (action) => {
      const node = before.nodes[action.node]
      if (node === undefined) throw new LarderError('engine-start', `node ${action.node} has no address yet`, { retry: true })
      // Making its files takes a while: who starts as a primary must still be the one when it does.
      const epoch = before.shards[node.shard]?.epoch
      const isMeant = (): boolean => !input.isReplaced() && cell.value.shards[node.shard]?.epoch === epoch
      const onLaunch = (): void => {
        inForce.starting.add(node.id)
      }
      return { action, ...(await launch(input, node, action, engine, isMeant, onLaunch)) }
    }),
  )
  const running = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  await cell.update((state) =>
    running.reduce((next, { action, identity, isFound }) => {
      const node = next.nodes[action.node]
      if (isFound && node !== undefined) return changeNode(next, node.id, found(input, next, node, identity))
      return changeNode(withUnlevelReplicas(next, action), action.node, {
        process: identity,
        starting: false,
        engine: engine.engine,
        engineVersion: engine.version,
        nodeType: spec.nodeType,
        parameters: wanted.parameters,
        parameterStatus: 'in-sync',
        synced: action.replicaOf === null,
        level: action.replicaOf === null,
        ...(action.because !== 'disk-first' && next.nodes[action.node]?.returning != null ? { returning: null } : {}),
        access: accessText(spec),
        ...(spec.kind === 'memcached' ? { machineName: context.machine.name } : {}),
        transit: transitAtStart(spec),
        status: statusWhile(action.because),
        // Whatever it was started for: a reboot that was asked for has happened.
        rebootsDone: rebootsOf(spec, action.node),
      })
    }, state),
  )
  const failed = started.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return running
}

export const startNodes = async (input: ActInput, actions: readonly StartAction[]): Promise<void> => {
  const { cell, inForce } = input
  const launching = launchAll(input, actions).finally(() => {
    for (const { node } of actions) inForce.starting.delete(node)
  })
  await Promise.all(
    (await launching).map(async ({ action, identity }) => {
      const node = cell.value.nodes[action.node]
      if (node === undefined) return
      await untilServing(input, node, identity, action.because === 'disk-first' ? servesWithinMs : serveDeadlineMs)
    }),
  )
}

/** Processes whose start was cut off before it was written: they run, and what they hold counts from now on. */
export const adoptStarts = async (
  context: GroupContext,
  spec: GroupSpec,
  cell: StateCell,
  wanted: WantedSettings,
): Promise<void> => {
  for (const node of Object.values(cell.value.nodes)) {
    if (!node.starting) continue
    const { tag } = context.place(spec.region, node.id)
    const before = node.process === null ? 'gone' : await context.host.check(node.process, tag)
    const process = before === 'running' ? null : await alreadyStarted(context, tag)
    if (process === null) continue
    await cell.update((state) => changeNode(state, node.id, found({ context, spec, wanted }, state, node, process)))
  }
}

const rebootsOf = (spec: GroupSpec, id: string): number =>
  spec.shards.flatMap((shard) => shard.nodes).find((node) => node.id === id)?.reboots ?? 0

const statusWhile = (because: StartReason): NodeState['status'] => {
  if (because === 'created') return 'creating'
  return because === 'rebooted' ? 'rebooting cluster nodes' : 'modifying'
}
