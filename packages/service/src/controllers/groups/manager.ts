/**
 * Runs a worker for every group of the home. Woken by the store's watch, by a lost control connection, and by a slow round that
 * finds what neither of them told.
 */
import { LarderError } from '../../errors.ts'
import { clusterEvents } from '../../model/events.ts'
import type { GroupKey, GroupState, NodeState } from '../../model/group.ts'
import { groupName, groupOfKey } from '../../model/keys.ts'
import { eventOperations } from '../../ports/events.ts'
import { listRecords } from '../../ports/records.ts'
import { followKeys } from '../watch.ts'
import { connectionName } from './connections.ts'
import type { GroupContext } from './context.ts'
import { createHealth, type Watched } from './health.ts'
import { createInterruption, type Interruption } from './interruption.ts'
import { sweep } from './sweep.ts'
import { createWorker, type Worker } from './worker.ts'

/** How often a group at rest is looked at. */
const roundMs = 5_000

interface Entry {
  readonly key: GroupKey
  readonly worker: Worker
  running: boolean
  /** What happened while it ran. */
  readonly interruption: Interruption
  /** Ends the wait for the next look. */
  timer: AbortController | null
}

export interface Manager {
  /** Resolves when every group that was there has been looked at once (adopted or started). */
  start(): Promise<void>
  /** A control connection of this node (`<region>/<node id>`) ended. */
  connectionLost(name: string): void
  stop(): Promise<void>
}

export const createManager = (without: Omit<GroupContext, 'health'>): Manager => {
  const groups = new Map<string, Entry>()
  const running = new Set<Promise<void>>()
  const ending = new AbortController()
  /** By group, then by node (`<region>/<node id>`); null where no process is known. */
  const nodesOf = new Map<string, ReadonlyMap<string, Watched | null>>()
  const groupOf = new Map<string, string>()

  const watchedNode = (state: GroupState, node: NodeState): Watched | null => {
    const { process: identity } = node
    if (identity === null) return null
    const name = connectionName(state.region, node)
    // Over the connection that is there: one that has to be made first tells nothing in time.
    const ping = async (deadlineMs: number): Promise<void> => {
      const control = context.connections.present(name)
      if (control === null) throw new LarderError('engine-unreachable', `there is no connection to ${name}`, { retry: true })
      await (await control).ping(deadlineMs)
    }
    const mayBeKeptOut = async (): Promise<boolean> => {
      const control = context.connections.present(name)
      return control === null || (await control.then(({ isWayIn }) => isWayIn !== true).catch(() => true))
    }
    return { name, identity, ping, ...(node.engine === 'memcached' ? {} : { mayBeKeptOut }) }
  }
  const forget = (group: string): void => {
    for (const name of nodesOf.get(group)?.keys() ?? []) groupOf.delete(name)
    nodesOf.delete(group)
  }
  const remember = (state: GroupState): void => {
    const group = groupName(state)
    forget(group)
    const nodes = Object.values(state.nodes)
    nodesOf.set(group, new Map(nodes.map((node) => [connectionName(state.region, node), watchedNode(state, node)])))
    for (const node of nodes) groupOf.set(connectionName(state.region, node), group)
  }
  const wakeGroupOf = (name: string): void => {
    const group = groupOf.get(name)
    const entry = group === undefined ? undefined : groups.get(group)
    if (entry !== undefined) wake(entry, 'loss')
  }
  const health = createHealth({
    host: without.host,
    clock: without.clock,
    log: without.log,
    nodes: () => [...nodesOf.values()].flatMap((nodes) => [...nodes.values()].filter((node) => node !== null)),
    onChange: wakeGroupOf,
    onKeptOut: (name, silentMs) => {
      const [region = '', id = ''] = name.split('/')
      const [clusterId = '', cacheNodeId = ''] = id.split('.')
      const happening = clusterEvents(region, clusterId).keptOut(cacheNodeId || '0001', Math.round(silentMs / 1_000))
      context.store.transact([], eventOperations([happening], context.clock.now(), context.unique())).then(
        () => undefined,
        (error: unknown) => context.log('warn', 'an event could not be written', { node: name, error }),
      )
    },
  })
  const context: GroupContext = { ...without, health }

  const schedule = (entry: Entry, afterMs: number): void => {
    entry.timer?.abort()
    const timer = new AbortController()
    entry.timer = timer
    context.clock.sleep(afterMs, timer.signal).then(
      () => wake(entry),
      () => undefined, // woken earlier
    )
  }

  const runOnce = async (entry: Entry): Promise<void> => {
    const outcome = await entry.worker.reconcile()
    if (ending.signal.aborted) return
    if (outcome.kind === 'gone') {
      if (!entry.interruption.happened) groups.delete(groupName(entry.key))
      return
    }
    schedule(entry, outcome.kind === 'settled' ? roundMs : outcome.afterMs)
  }

  const wake = (entry: Entry, why: 'change' | 'loss' = 'change'): void => {
    if (ending.signal.aborted) return
    if (entry.running) {
      entry.interruption.tell(why)
      return
    }
    entry.timer?.abort()
    entry.timer = null
    entry.running = true
    entry.interruption.begin()
    const work = runOnce(entry)
      .catch((error: unknown) => {
        context.log('error', 'a group could not be looked at', { group: groupName(entry.key), error })
        schedule(entry, roundMs)
      })
      .finally(() => {
        entry.running = false
        running.delete(work)
        if (entry.interruption.happened) wake(entry)
      })
    running.add(work)
  }

  const ensure = (key: GroupKey): Entry => {
    const name = groupName(key)
    const present = groups.get(name)
    if (present !== undefined) return present
    const interruption = createInterruption()
    const entry: Entry = {
      key,
      worker: createWorker(context, key, ending.signal, interruption, () => wake(entry)),
      running: false,
      interruption,
      timer: null,
    }
    groups.set(name, entry)
    return entry
  }

  const watch = (prefix: string, from: number, onChange: (key: string, value: string | null) => void): void => {
    running.add(followKeys(context, prefix, from, ending.signal, onChange))
  }

  const wakeAll = (): void => {
    for (const entry of groups.values()) wake(entry)
  }

  return {
    async start() {
      const specs = await context.store.list('spec/')
      const states = await listRecords<GroupState>(context.store, 'state/')
      for (const record of states.records) remember(record.value)
      const keys = new Set([...specs.entries, ...states.records].map((entry) => groupName(groupOfKey(entry.key))))
      for (const entry of [...specs.entries, ...states.records]) ensure(groupOfKey(entry.key))
      await sweep(
        context,
        states.records.map((record) => record.value),
      )
      watch('spec/', specs.revision + 1, (key) => wake(ensure(groupOfKey(key))))
      watch('parametergroup/', specs.revision + 1, wakeAll)
      watch('zone/', specs.revision + 1, wakeAll)
      watch('state/', specs.revision + 1, (key, value) => {
        if (value !== null) remember(JSON.parse(value) as GroupState)
        else forget(groupName(groupOfKey(key)))
      })
      running.add(health.run(ending.signal))
      context.log('info', 'groups found', { groups: keys.size })
      const first = [...groups.values()].map(async (entry) => {
        entry.running = true
        await runOnce(entry)
        entry.running = false
        if (entry.interruption.happened) wake(entry)
      })
      await Promise.all(first)
    },
    connectionLost: wakeGroupOf,
    async stop() {
      ending.abort()
      for (const entry of groups.values()) entry.timer?.abort()
      await Promise.allSettled([...running])
      await Promise.all([...groups.values()].map((entry) => entry.worker.ended()))
    },
  }
}
