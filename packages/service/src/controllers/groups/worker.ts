/**
 * Brings one group to what its spec says: observe, decide, act, and again, until nothing is left to do; then the status is written.
 * A node that is lost is looked at at once: what is being done then is left behind and goes on by itself (`tasks`).
 * One worker runs for a group at a time. A failed step is tried again with growing delay, and its reason is written where users see it.
 */
import type { Action, Decision } from '../../decide/actions.ts'
import type { GroupInput } from '../../decide/input.ts'
import { isUrgent, notUnderWay } from '../../decide/under-way.ts'
import { Fault, LarderError } from '../../errors.ts'
import type { GroupKey, GroupSpec, GroupState } from '../../model/group.ts'
import { groupName, specKey, stateKey } from '../../model/keys.ts'
import { zonePrefix } from '../../model/zone-records.ts'
import { steadyMs } from '../../ports/clock.ts'
import { readRecord, type Versioned } from '../../ports/records.ts'
import { act } from './act.ts'
import type { ActInput } from './act-input.ts'
import type { GroupContext } from './context.ts'
import { createGroupEvents } from './events.ts'
import type { Interruption } from './interruption.ts'
import { nothingInForce, observeGroup } from './observe.ts'
import { applyPending } from './pending.ts'
import { versionWanted } from './serving.ts'
import { createSettings } from './settings.ts'
import { adoptStarts } from './start.ts'
import { openStateCell, type StateCell } from './state-cell.ts'
import { failedStatus, settledState, troubledState, unsettledStatus } from './status.ts'
import { removeGroup } from './stop.ts'
import { createTasks } from './tasks.ts'

export type Outcome =
  | { readonly kind: 'settled' }
  /** Look again after this time, or when something happens. */
  | { readonly kind: 'again'; readonly afterMs: number }
  | { readonly kind: 'gone' }

/** How long a wait that nothing ends is slept on: a tenth of the time that it has lasted, within these limits. */
const pollMs = 20
const longestPollMs = 500
/** A wait of this length is told to the user. */
const tellAfterMs = 2_000
/** A group that never comes to rest would be a defect of the decision; it is then taken up again from the outside. */
const maxStages = 200
/** So long a creation has to fail for a reason that no retry mends before it has failed for good. */
const createDeadlineMs = 120_000
const retryDelays = [50, 100, 250, 500, 1_000, 2_000, 5_000] as const

export interface Worker {
  /** One reconciliation. Never rejects for what a retry may mend. */
  reconcile(): Promise<Outcome>
  /** Resolves when nothing is under way any more. */
  ended(): Promise<void>
  /** Forget what was put in force: the next reconciliation does it again. */
  invalidate(): void
}

export const createWorker = (
  context: GroupContext,
  key: GroupKey,
  signal: AbortSignal,
  interruption: Interruption,
  /** Something has ended that was left behind. */
  onEnd: () => void,
): Worker => {
  const tasks = createTasks(onEnd)
  const inForce = nothingInForce()
  const events = createGroupEvents(context)
  let cell: StateCell | null = null
  let failures = 0
  /** When the first of the steps failed that have failed since; null: none has. */
  let failingSince: number | null = null
  const tidied = new Set<string>()
  const wantedSettings = createSettings(context.store, context.machine.processors)
  let waitingSince: number | null = null
  let seen: GroupInput | null = null
  /** What was found at the last look stands in the state together with the reason. */
  const withReason = (state: GroupState, reason: string): GroupState =>
    seen === null ? { ...state, reason } : troubledState(seen, { ...state, reason })

  const deleteGroup = async (record: Versioned<GroupSpec>, retain: string | null): Promise<void> => {
    const state = await readRecord<GroupState>(context.store, stateKey(key))
    if (state === null) throw new LarderError('store-failed', `${stateKey(key)} is missing`, { retry: true })
    await removeGroup(context, record, state, retain, events.groupDeleted(record.value))
  }

  /** A dump of an earlier clean stop has been loaded by now; left behind it would bring back old values after a crash. */
  const tidy = async (spec: GroupSpec, state: GroupState): Promise<void> => {
    if (spec.kind === 'memcached') return
    for (const node of Object.values(state.nodes)) {
      const run = `${node.id} ${node.process?.pid}`
      if (tidied.has(run) || node.parameters['appendonly'] === 'yes') continue
      await context.host.removeFile(`${context.place(spec.region, node.id).folder}/dump.rdb`)
      tidied.add(run)
    }
  }

  const settle = async (spec: GroupSpec, current: StateCell): Promise<void> => {
    const before = current.value
    const next = settledState(spec, before)
    // Upon what is there when it is written: a target may have been written in between.
    await current.update((state) => settledState(spec, state), events.settled(spec, before, next))
    await tidy(spec, next)
  }

  const step = async (): Promise<
    | Outcome
    | {
        readonly decision: Decision
        readonly input: ActInput
        readonly record: Versioned<GroupSpec>
        readonly loss: Promise<void>
      }
  > => {
    const record = await readRecord<GroupSpec>(context.store, specKey(key))
    if (record === null) return { kind: 'gone' }
    if (await applyPending(context, record)) return { kind: 'again', afterMs: 0 }
    const spec = record.value
    const current: StateCell = cell ?? (await openStateCell(context.store, key))
    const engineVersion = versionWanted(context.catalog, spec, current.value)
    const wanted = await wantedSettings(spec, engineVersion ?? spec.engineVersion)
    if (cell === null) {
      await adoptStarts(context, spec, current, wanted)
      cell = current
    }
    if (unsettledStatus(spec, current.value) === 'create-failed') return { kind: 'settled' } // that word is final: what is left is its deletion
    const zones = await context.store.list(zonePrefix(spec.region))
    const zonesDown = new Set(zones.entries.map((entry) => entry.key.slice(zonePrefix(spec.region).length)))
    const observed = await observeGroup(context, spec, current.value, wanted, inForce, interruption.loss)
    if (observed === null) return { kind: 'again', afterMs: 0 }
    const { underWay } = tasks
    const known = { spec, state: current.value, observed, wanted, zonesDown, now: context.clock.now(), underWay }
    const look: GroupInput = engineVersion === undefined ? known : { ...known, engineVersion }
    seen = look
    const decided = context.decide(look)
    const decision = { ...decided, actions: notUnderWay(decided.actions, underWay) ?? [] }
    // What users read comes after who they can write to.
    const status = unsettledStatus(spec, current.value)
    const { loss } = interruption
    if (status !== current.value.status && !decision.actions.some(isUrgent))
      await tasks.unlessLost('status', () => current.update((state) => ({ ...state, status })), loss)
    let isOver = false
    const leave = (): void => {
      isOver = true
    }
    const input: ActInput = {
      context,
      spec,
      cell: current,
      wanted,
      inForce,
      events,
      interrupted: () => isOver || interruption.happened,
      isReplaced: () => cell !== current,
    }
    return { decision, input, record, loss: loss.then(leave) }
  }

  const reconcileOnce = async (): Promise<Outcome> => {
    for (let stage = 0; stage < maxStages; stage += 1) {
      signal.throwIfAborted()
      interruption.begin()
      const next = await step()
      if ('kind' in next) {
        if (next.kind === 'again') continue
        return next
      }
      const { decision, input, record, loss } = next
      const failure = decision.actions.some(isUrgent) ? null : tasks.takeFailure()
      if (failure !== null) throw failure.error
      if (decision.actions.length === 0) {
        if (decision.waitingFor === null && tasks.underWay.size > 0) return { kind: 'again', afterMs: longestPollMs }
        if (decision.waitingFor !== null) {
          context.onProgress(key, decision.waitingFor)
          const now = steadyMs(context.clock)
          waitingSince ??= now
          if (now - waitingSince > tellAfterMs && input.cell.value.reason !== decision.waitingFor) {
            const reason = decision.waitingFor
            await tasks.unlessLost('status', () => input.cell.update((state) => withReason(state, reason)), loss)
          }
          return { kind: 'again', afterMs: Math.min(Math.max((now - waitingSince) / 10, pollMs), longestPollMs) }
        }
        waitingSince = null
        if (await tasks.unlessLost('status', () => settle(input.spec, input.cell), loss)) return { kind: 'settled' }
        continue
      }
      waitingSince = null
      context.log('debug', 'a stage', { group: groupName(key), actions: decision.actions })
      context.onProgress(key, describe(decision.actions))
      const removal = decision.actions.find((action) => action.do === 'remove-group')
      if (removal !== undefined) {
        await tasks.all()
        await deleteGroup(record, removal.retain)
        return { kind: 'gone' }
      }
      for (const action of decision.actions) {
        if (action.do !== 'start') continue
        tidied.delete(action.node)
        inForce.published.delete(action.node)
      }
      await act(input, decision.actions, tasks, loss)
    }
    return { kind: 'again', afterMs: pollMs }
  }

  const recordFailure = async (error: unknown): Promise<void> => {
    const current = cell
    if (current === null) return
    const reason = error instanceof Error ? error.message : String(error)
    const record = await readRecord<GroupSpec>(context.store, specKey(key))
    if (record === null) return
    const isLong = failingSince !== null && steadyMs(context.clock) - failingSince > createDeadlineMs
    const failedForGood = isLong && error instanceof LarderError && !error.retry
    const write = () =>
      current.update((state) => {
        const told = withReason(state, reason)
        return { ...told, status: failedStatus(told, failedForGood) }
      })
    await tasks.unlessLost('status', write, interruption.loss)
  }

  return {
    async reconcile() {
      try {
        const outcome = await reconcileOnce()
        if (tasks.underWay.size === 0) {
          failures = 0
          failingSince = null
        }
        return outcome
      } catch (error) {
        if (signal.aborted) return { kind: 'settled' }
        const delay = retryDelays[Math.min(failures, retryDelays.length - 1)] ?? 5_000
        failures += 1
        failingSince ??= steadyMs(context.clock)
        context.log(
          error instanceof LarderError || error instanceof Fault ? 'warn' : 'error',
          'a step failed and is tried again',
          {
            group: groupName(key),
            afterMs: delay,
            error,
          },
        )
        try {
          await recordFailure(error)
        } catch (second) {
          context.log('warn', 'the reason of a failure could not be written', { group: groupName(key), error: second })
          cell = null // read it again: what is in the store counts
        }
        if (error instanceof LarderError && error.code === 'store-failed') cell = null
        return { kind: 'again', afterMs: delay }
      }
    },
    ended: () => tasks.all(),
    invalidate() {
      inForce.readers = null
      inForce.fronts = null
      inForce.discovery = null
      inForce.published.clear()
    },
  }
}

const words: Readonly<Record<Action['do'], (count: number) => string>> = {
  allocate: () => 'addresses are given',
  own: () => 'the owners of slots are written down',
  target: () => 'primaries are chosen',
  start: (count) => (count === 1 ? 'a node starts' : `${count} nodes start`),
  stop: (count) => (count === 1 ? 'a node is stopped' : `${count} nodes are stopped`),
  promote: (count) => (count === 1 ? 'a primary takes over' : `${count} primaries take over`),
  follow: (count) => (count === 1 ? 'a replica follows its primary' : `${count} replicas follow their primaries`),
  'hand-over': () => 'a primary hands over to its replica',
  meet: () => 'nodes are introduced to each other',
  slots: () => 'slots are claimed',
  forget: () => 'nodes forget who is not there any more',
  bind: () => 'endpoint addresses are bound',
  readers: () => 'the reader endpoint is balanced',
  discovery: () => 'the list of nodes is served',
  publish: () => 'nodes are told the list',
  parameters: () => 'parameters are applied',
  access: () => 'clients are asked for other tokens',
  fronts: () => 'connections with and without TLS are served at one port',
  transit: () => 'encryption in transit is changed',
  certificate: () => 'certificates are made',
  guard: () => 'security groups are put in force',
  joined: (count) => (count === 1 ? 'a node has all of its data' : `${count} nodes have all of their data`),
  'remove-node': (count) => (count === 1 ? 'a node is removed' : `${count} nodes are removed`),
  'remove-group': () => 'everything of it is removed',
}

const describe = (actions: readonly Action[]): string => {
  const counts = new Map<Action['do'], number>()
  for (const action of actions)
    counts.set(action.do, (counts.get(action.do) ?? 0) + (action.do === 'joined' ? action.nodes.length : 1))
  return [...counts].map(([name, count]) => words[name](count)).join(', ')
}
