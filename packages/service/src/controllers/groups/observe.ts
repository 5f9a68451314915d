/**
 * Looks at the nodes of a group: which processes exist, and what the engines say. Changes nothing, but that it ends scripts by which an engine puts off
 * what is to be done.
 */
import { accessText } from '../../decide/access.ts'
import { longestSilenceMs } from '../../decide/health.ts'
import type { WantedSettings } from '../../decide/input.ts'
import type { LastWord, Observed, ObservedNode } from '../../decide/observed.ts'
import { LarderError } from '../../errors.ts'
import type { GroupSpec, GroupState, NodeState, ProcessIdentity } from '../../model/group.ts'
import { reachOf } from '../../model/memcached.ts'
import { steadyMs } from '../../ports/clock.ts'
import type { EngineControl, EngineStatus } from '../../ports/engine.ts'
import { connectionName } from './connections.ts'
import type { GroupContext } from './context.ts'

/** What this process itself has put in force since it started; null means that it does not know yet. */
export interface InForce {
  readers: readonly string[] | null
  /** As `frontsText`. */
  fronts: string | null
  discovery: number | null
  /** Node id to the discovery version that it was told. */
  readonly published: Map<string, number>
  /** Node id to the process that was sent SIGKILL and was still there. */
  readonly killed: Map<string, ProcessIdentity>
  /** Nodes that did not answer when they were asked last: nobody waits for them again. */
  readonly silent: Set<string>
  /** Nodes whose process is being started: it may run already, and is not in the state yet. */
  readonly starting: Set<string>
  /** Nodes that are being removed: they are not asked any more. */
  readonly removing: Set<string>
  /** Addresses that were seen to be guarded. */
  readonly guarded: Set<string>
  /** Node id to what it said of its data when it was last seen as a primary. */
  readonly words: Map<string, LastWord>
  /** Replica to the first look of those in a row at which its link was up. */
  readonly linked: Map<string, number>
  /** Nodes that were absent at the last look. */
  readonly gone: Set<string>
  /** Node id to when a script was first seen there that cannot be ended, while something is to be done to the node. By the steady clock. */
  readonly unending: Map<string, number>
  /** Node id to when scripts were first ended there, while something is to be done to the group: none begins there meanwhile. By the steady clock. */
  readonly insisting: Map<string, number>
}

/** As it is when this process has just started. */
export const nothingInForce = (): InForce => ({
  readers: null,
  fronts: null,
  discovery: null,
  published: new Map(),
  killed: new Map(),
  silent: new Set(),
  starting: new Set(),
  removing: new Set(),
  guarded: new Set(),
  words: new Map(),
  linked: new Map(),
  gone: new Set(),
  unending: new Map(),
  insisting: new Map(),
})

/** What a look at a group needs from outside. */
export type Looking = Pick<
  GroupContext,
  'adapter' | 'certificates' | 'clock' | 'connections' | 'health' | 'host' | 'log' | 'place' | 'readPersisted' | 'secrets'
>

const connectDeadlineMs = 1_000
/** An engine that answers later than this is busy: it is no candidate, and nobody waits for it. */
const answerDeadlineMs = 400
const goneLooks = 20
/** When somebody has ended, clients may be waiting: so long for the others. */
const hurriedMs = 100
/** One that did not answer a moment ago. */
const silentMs = 20

export const controlOf = (
  context: Looking,
  spec: GroupSpec,
  node: NodeState,
  deadlineMs = connectDeadlineMs,
): Promise<EngineControl> => {
  const reach = reachOf(spec, node, () => context.certificates.bundle)
  const plan = {
    socket: context.place(spec.region, node.id).socket,
    address: node.address,
    port: node.port,
    secrets: context.secrets,
    kind: spec.kind,
    ...(reach === null ? {} : { reach }),
  }
  return context.connections.open(connectionName(spec.region, node), context.adapter(node.engine), plan, deadlineMs)
}

type Answer = { readonly status: EngineStatus } | { readonly ended: boolean }

/** One look at a group: how long is waited for answers depends on what is seen meanwhile. */
interface Look {
  readonly signal: AbortSignal
  /** Somebody has ended. */
  readonly hurry: () => void
  /** Resolves some time after that. */
  readonly hurried: Promise<void>
  readonly isHurried: () => boolean
}

const beginLook = (context: Looking, signal: AbortSignal): Look => {
  const hurried = Promise.withResolvers<void>()
  let began = false
  return {
    signal,
    hurried: hurried.promise,
    isHurried: () => began,
    hurry: () => {
      if (began) return
      began = true
      context.clock.sleep(hurriedMs, signal).then(hurried.resolve, () => undefined) // the look is over
    },
  }
}

/** The engine is there and refuses for now: a script runs, or data loads. */
const refusesForNow = (error: unknown): boolean => error instanceof LarderError && error.code === 'engine-command' && error.retry

/** Nobody may put off by scripts what is to be done: what has not written is ended. False: one has written, and goes on. */
const endScripts = async (engine: EngineControl): Promise<boolean> => {
  const commands = [
    ['SCRIPT', 'KILL'],
    ['FUNCTION', 'KILL'],
  ]
  const ends = await Promise.all(
    commands.map((words) =>
      engine.command(words).then(
        () => true,
        (error: unknown) => {
          if (!(error instanceof LarderError) || error.code !== 'engine-command') throw error
          return !error.retry // there was none to end
        },
      ),
    ),
  )
  return ends.every(Boolean)
}

const noteUnending = (context: Looking, node: string, inForce: InForce, unending: boolean): void => {
  if (!unending) inForce.unending.delete(node)
  else if (!inForce.unending.has(node)) inForce.unending.set(node, steadyMs(context.clock))
}

/** So long no script begins at a node because something is to be done: nodes are put off at different times, and have to be free at the same. */
const longestInsistMs = 30_000

/** `isPressing`: something is to be done to the node. */
const statusOf = async (
  engine: EngineControl,
  context: Looking,
  node: string,
  inForce: InForce,
  isPressing: () => boolean,
): Promise<EngineStatus> => {
  const since = inForce.insisting.get(node)
  const isUnending = inForce.unending.has(node)
  const goesOn = (since !== undefined || isUnending) && isPressing()
  const insists = goesOn && (isUnending || steadyMs(context.clock) - (since ?? 0) < longestInsistMs)
  if (!insists) {
    inForce.insisting.delete(node)
    inForce.unending.delete(node)
  }
  try {
    // By the way in an engine tells its status while a script goes on, too: whether one does is told by the attempt to end it.
    if (insists) noteUnending(context, node, inForce, !(await endScripts(engine)))
    return await engine.status(answerDeadlineMs)
  } catch (error) {
    if (!refusesForNow(error) || !isPressing()) throw error
  }
  if (!insists) inForce.insisting.set(node, steadyMs(context.clock))
  noteUnending(context, node, inForce, !(await endScripts(engine)))
  return engine.status(answerDeadlineMs)
}

/** Somebody has asked for what this node does not have yet. A change of parameters changes no spec. */
const lacksSomething = (spec: GroupSpec, state: GroupState, node: NodeState, wanted: WantedSettings): boolean =>
  spec.generation > state.generation ||
  (node.access ?? 'open') !== accessText(spec) ||
  Object.entries(wanted.parameters).some(([name, value]) => node.parameters[name] !== value && !wanted.requiresReboot.has(name))

/** Whoever is hung is not waited for; whoever is busy only as long as clients of the others can bear. */
const askEngine = async (
  context: Looking,
  spec: GroupSpec,
  node: NodeState,
  process: ProcessIdentity,
  look: Look,
  inForce: InForce,
  isLacking: () => boolean,
): Promise<Answer> => {
  const name = connectionName(spec.region, node)
  if (context.health.isHung(name, process)) {
    look.hurry()
    return { ended: false }
  }
  const answer = async (): Promise<Answer> => {
    try {
      const engine = await controlOf(context, spec, node, answerDeadlineMs)
      // Where somebody has ended, this one may have to take over.
      const isPressing = (): boolean => spec.kind !== 'memcached' && (look.isHurried() || isLacking())
      const status = await statusOf(engine, context, node.id, inForce, isPressing)
      inForce.silent.delete(node.id)
      return { status }
    } catch (error) {
      if (!(error instanceof LarderError)) throw error
      context.log('debug', 'an engine did not answer', { node: node.id, error })
      return { ended: error.code === 'engine-unreachable' }
    }
  }
  const none = (): Answer => ({ ended: false })
  const from = steadyMs(context.clock)
  let isOver = false
  const leave = (): void => {
    if (!isOver && steadyMs(context.clock) - from >= hurriedMs) inForce.silent.add(node.id)
  }
  look.signal.addEventListener('abort', leave, { once: true })
  const given = await Promise.race([
    answer(),
    context.health.whenHung(name, process, look.signal).then(() => {
      look.hurry()
      return none()
    }),
    look.hurried.then(none),
    ...(inForce.silent.has(node.id) ? [context.clock.sleep(silentMs, look.signal).then(none, none)] : []),
  ])
  isOver = true
  if ('ended' in given) inForce.silent.add(node.id)
  return given
}

/** A connection ends a moment before its process can be seen to be gone. */
const isGone = async (context: Looking, identity: ProcessIdentity, tag: string, connectionEnded: boolean): Promise<boolean> => {
  for (let look = 0; ; look += 1) {
    if ((await context.host.check(identity, tag)) !== 'running') return true
    if (!connectionEnded || look === goneLooks) return false
    await context.clock.sleep(1)
  }
}

const observeNode = async (
  context: Looking,
  spec: GroupSpec,
  node: NodeState,
  look: Look,
  inForce: InForce,
  isLacking: () => boolean,
): Promise<ObservedNode> => {
  const { id } = node
  const place = context.place(spec.region, id)
  const name = connectionName(spec.region, node)
  const absent = async (): Promise<ObservedNode> => {
    look.hurry()
    inForce.silent.delete(id)
    context.connections.drop(name)
    inForce.linked.delete(id)
    inForce.unending.delete(id)
    inForce.insisting.delete(id)
    const justGone = !inForce.gone.has(id)
    inForce.gone.add(id)
    return {
      id,
      process: 'absent',
      hung: false,
      killed: false,
      engine: null,
      persisted: await context.readPersisted(place.folder, node.parameters['appendonly'] === 'yes'),
      last: inForce.words.get(id) ?? null,
      justGone,
    }
  }
  const { process } = node
  // An earlier process is gone, else nobody would start another one.
  if (inForce.starting.has(id))
    return { id, process: 'running', starting: true, hung: false, killed: false, engine: null, persisted: null }
  if (process === null || (await isGone(context, process, place.tag, false))) return absent()
  inForce.gone.delete(id)
  const answer = inForce.removing.has(id)
    ? { ended: false }
    : await askEngine(context, spec, node, process, look, inForce, isLacking)
  if ('ended' in answer) {
    if (await isGone(context, process, place.tag, answer.ended)) return absent()
    const killed = inForce.killed.get(id)
    const isKilled = killed?.pid === process.pid && killed.startTime === process.startTime
    return { id, process: 'running', hung: false, killed: isKilled, engine: null, persisted: null }
  }
  const { status } = answer
  if (status.pid !== process.pid) {
    context.log('error', 'another process answers on the socket of a node', {
      node: id,
      expected: process.pid,
      found: status.pid,
    })
    return { id, process: 'doubt', hung: false, killed: false, engine: null, persisted: null }
  }
  const last = inForce.words.get(id) ?? null
  const { replication } = status
  if (replication?.linkUp !== true) inForce.linked.delete(id)
  else if (!inForce.linked.has(id)) inForce.linked.set(id, context.clock.now())
  const linkedAt = inForce.linked.get(id) ?? null
  if (replication?.role === 'primary' && !status.loading) {
    const { offset, replicationId } = replication
    inForce.words.set(id, { offset, replicationId, at: context.clock.now() })
  } else inForce.words.delete(id)
  return { id, process: 'running', hung: false, killed: false, engine: status, persisted: null, last, linkedAt }
}

/** As it is at the end of the look: a process that goes on meanwhile is not ended for what it was. */
const isHung = (
  context: Looking,
  spec: GroupSpec,
  state: GroupState,
  inForce: InForce,
  { id, process, engine }: ObservedNode,
): boolean => {
  const identity = state.nodes[id]?.process
  const since = inForce.unending.get(id)
  const putOffMs = since === undefined ? 0 : steadyMs(context.clock) - since
  if (process === 'running' && putOffMs > longestSilenceMs) {
    context.log('warn', 'a script that has written puts off what is to be done to a node', { node: id, putOffMs })
    return true
  }
  if (process !== 'running' || engine !== null || identity == null) return false
  return context.health.isHung(connectionName(spec.region, { id }), identity)
}

/** Null: a node was lost meanwhile, and what has been seen so far is out of date. */
export const observeGroup = async (
  context: Looking,
  spec: GroupSpec,
  state: GroupState,
  wanted: WantedSettings,
  inForce: InForce,
  loss: Promise<void>,
): Promise<Observed | null> => {
  const looking = new AbortController()
  const look = beginLook(context, looking.signal)
  try {
    const looked = Promise.all(
      Object.values(state.nodes).map((node) =>
        observeNode(context, spec, node, look, inForce, () => lacksSomething(spec, state, node, wanted)),
      ),
    )
    // One in which somebody was found to have ended is over soon, and what others were asked is worth waiting for.
    const nodes = await Promise.race([looked, loss.then(() => (look.isHurried() ? looked : null))])
    if (nodes === null) {
      looked.catch((error: unknown) => context.log('debug', 'a look that was given up failed', { error }))
      return null
    }
    return {
      nodes: Object.fromEntries(nodes.map((node) => [node.id, { ...node, hung: isHung(context, spec, state, inForce, node) }])),
      readers: inForce.readers,
      fronts: inForce.fronts,
      discovery: inForce.discovery,
      published: Object.fromEntries(inForce.published),
    }
  } finally {
    looking.abort()
  }
}
