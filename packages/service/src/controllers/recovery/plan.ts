/**
 * What the state is made from: the newest whole source, then what is newer in others, then the engines themselves, which are believed over any
 * record. Decides and says; `recover.ts` writes.
 */
import type { Home } from '../../home/home.ts'
import type { GroupSpec, GroupState, NodeState, ProcessIdentity, ShardState } from '../../model/group.ts'
import { groupName, removedPrefix, specKey, stateKey } from '../../model/keys.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EngineStatus } from '../../ports/engine.ts'
import type { Host } from '../../ports/host.ts'
import { findSources, type Snapshot, type Sources, withGroup, withoutGroup } from './sources.ts'

export interface PlanContext {
  readonly home: Home
  readonly host: Pick<Host, 'findByTag'>
  readonly clock: Pick<Clock, 'now'>
  /** Asks a running engine; null: it does not answer, or cannot be reached without the keys. */
  readonly ask: (spec: GroupSpec, node: NodeState) => Promise<EngineStatus | null>
}

export interface StatePlan {
  /** Nothing of the state has to be written. */
  readonly isWhole: boolean
  readonly id: string
  readonly revision: number
  readonly entries: ReadonlyMap<string, string>
  readonly found: readonly string[]
  readonly taken: readonly string[]
  readonly missing: readonly string[]
  /** Engines of known groups that run. */
  readonly running: number
}

const nothing: Snapshot = { name: 'nothing', kind: 'nothing', id: '', revision: 0, entries: new Map() }

const recordsIn = <T>(entries: ReadonlyMap<string, string>, prefix: string): readonly T[] =>
  [...entries].filter(([key]) => key.startsWith(prefix)).map(([, value]) => JSON.parse(value) as T)

interface Merged {
  readonly entries: ReadonlyMap<string, string>
  readonly newest: number
  readonly taken: readonly string[]
}

const merge = ({ fragments, groups }: Sources, base: Snapshot): Merged => {
  const taken: string[] = []
  let entries = new Map(base.entries)
  let newest = base.revision
  if (base.kind !== 'nothing') taken.push(`${entries.size} records of change ${base.revision}, from ${base.name}`)
  if (fragments !== null) {
    const later = [...fragments.entries].filter(([, { revision }]) => revision > base.revision)
    for (const [key, { value }] of later) {
      if (value === null) entries.delete(key)
      else entries.set(key, value)
    }
    newest = Math.max(newest, fragments.revision)
    if (later.length > 0) taken.push(`${later.length} later changes that can be read in the journal`)
  }
  const later = groups.files.filter(({ revision }) => revision > newest)
  for (const file of later) {
    entries = withGroup(entries, file)
    taken.push(`group ${file.spec.id} as of change ${file.revision}, from the file beside its nodes`)
  }
  newest = Math.max(newest, ...later.map(({ revision }) => revision))
  return { entries, newest, taken }
}

/** Older copies may have groups that were removed since: nothing of them is on the machine. */
const withoutVanished = async (
  context: PlanContext,
  base: Snapshot,
  entries: ReadonlyMap<string, string>,
  describedGroups: ReadonlySet<string>,
): Promise<{ readonly entries: ReadonlyMap<string, string>; readonly missing: readonly string[] }> => {
  const folders = new Set(await context.home.nodeFolders())
  let kept: ReadonlyMap<string, string> = entries
  const missing: string[] = []
  for (const state of recordsIn<GroupState>(entries, 'state/')) {
    const nodes = Object.values(state.nodes)
    const isThere = nodes.some((node) => folders.has(context.home.nodeFolder(state.region, node.id)))
    if (isThere || nodes.length === 0 || describedGroups.has(groupName(state))) continue
    kept = withoutGroup(kept, groupName(state), specKey(state), stateKey(state))
    missing.push(`group ${state.id} is left out: it is in ${base.name}, and no folder of its nodes is there any more`)
  }
  return { entries: kept, missing }
}

const same = (left: ProcessIdentity | null, right: ProcessIdentity): boolean =>
  left !== null && left.pid === right.pid && left.startTime === right.startTime && left.bootId === right.bootId

interface Seen {
  readonly state: GroupState
  readonly notes: readonly string[]
  readonly running: number
}

/** Processes that another record, or none, knows: their next start of Larder finds them as it finds starts that were cut off. */
const seeProcesses = async (
  context: PlanContext,
  state: GroupState,
): Promise<Seen & { readonly processes: ReadonlyMap<string, ProcessIdentity> }> => {
  const nodes: Record<string, NodeState> = {}
  const notes: string[] = []
  const processes = new Map<string, ProcessIdentity>()
  for (const node of Object.values(state.nodes)) {
    const [found] = await context.host.findByTag(`${context.home.nodeFolder(state.region, node.id)}/`)
    if (found !== undefined) processes.set(node.id, found)
    if (found === undefined || same(node.process, found) || node.starting) {
      nodes[node.id] = node
      continue
    }
    nodes[node.id] = { ...node, process: null, starting: true }
    notes.push(`process ${found.pid} of node ${node.id}, which the records do not know: it is adopted`)
  }
  return { state: { ...state, nodes }, notes, running: processes.size, processes }
}

const shardWith = (shard: ShardState, primary: string): ShardState => ({
  primary,
  epoch: shard.epoch + 1,
  fence: [],
  ...(shard.primary === null ? {} : { former: shard.primary }),
  ...(shard.slots === undefined ? {} : { slots: shard.slots }),
})

/** Who runs as primary is believed over an older record. */
const seeRoles = async (
  context: PlanContext,
  spec: GroupSpec,
  state: GroupState,
  processes: ReadonlyMap<string, ProcessIdentity>,
): Promise<Pick<Seen, 'state' | 'notes'>> => {
  if (spec.kind === 'memcached') return { state, notes: [] }
  const notes: string[] = []
  const shards: Record<string, ShardState> = { ...state.shards }
  for (const [id, shard] of Object.entries(state.shards)) {
    const nodes = Object.values(state.nodes).filter((node) => node.shard === id)
    const asked = await Promise.all(
      nodes.map(async (node) => {
        const process = processes.get(node.id)
        return { node, status: process === undefined ? null : await context.ask(spec, { ...node, process }) }
      }),
    )
    const silent = asked.filter(({ node, status }) => status === null && processes.has(node.id))
    for (const { node } of silent) notes.push(`node ${node.id} runs and did not say what it is: the records are believed`)
    const primaries = asked.filter(({ status }) => status?.replication?.role === 'primary').map(({ node }) => node.id)
    const [only] = primaries
    if (only === undefined || (shard.primary !== null && primaries.includes(shard.primary))) continue
    if (primaries.length > 1) {
      notes.push(`nodes ${primaries.join(' and ')} of shard ${id} of ${spec.id} run as primary: the records are believed`)
      continue
    }
    shards[id] = shardWith(shard, only)
    notes.push(
      `node ${only} runs as the primary of shard ${id} of ${spec.id}: it is believed over the record, which says ${shard.primary ?? 'nobody'}`,
    )
  }
  return { state: { ...state, shards }, notes }
}

const strangers = async (context: PlanContext, states: readonly GroupState[]): Promise<readonly string[]> => {
  const known = new Set(
    states.flatMap((state) => Object.keys(state.nodes).map((id) => context.home.nodeFolder(state.region, id))),
  )
  const notes: string[] = []
  for (const folder of await context.home.nodeFolders()) {
    if (known.has(folder)) continue
    const [running] = await context.host.findByTag(`${folder}/`)
    notes.push(
      running === undefined
        ? `what ${folder} belongs to is nowhere: the next start moves it aside`
        : `what process ${running.pid} in ${folder} belongs to is nowhere: it goes on, and larder up refuses to start beside it. Save its data, and end it: kill ${running.pid}`,
    )
  }
  return notes
}

export const planState = async (context: PlanContext): Promise<StatePlan> => {
  const sources = await findSources(context.home, context.clock)
  const base = sources.snapshots[0] ?? nothing
  const merged = merge(sources, base)
  const described = new Set(sources.groups.files.map(({ spec }) => groupName(spec)))
  const isExact = (base.kind === 'state' || base.kind === 'journal') && merged.newest === base.revision
  const present = isExact
    ? { entries: merged.entries, missing: [] }
    : await withoutVanished(context, base, merged.entries, described)
  const entries = new Map(present.entries)
  const notes: string[] = []
  const states: GroupState[] = []
  let running = 0
  let corrected = false
  for (const spec of recordsIn<GroupSpec>(entries, 'spec/')) {
    const text = entries.get(stateKey(spec))
    if (text === undefined) continue
    const seen = await seeProcesses(context, JSON.parse(text) as GroupState)
    const roles = await seeRoles(context, spec, seen.state, seen.processes)
    running += seen.running
    notes.push(...seen.notes, ...roles.notes)
    states.push(roles.state)
    const next = JSON.stringify(roles.state)
    if (next === text) continue
    corrected = true
    entries.set(stateKey(spec), next)
  }
  const isWhole = base.kind === 'state' && isExact && !corrected
  // What nobody knows is moved aside from now on: the removals of an older state say nothing about it.
  if (!isWhole) for (const key of [...entries.keys()]) if (key.startsWith(removedPrefix)) entries.delete(key)
  const groups = recordsIn<GroupSpec>(entries, 'spec/')
  return {
    isWhole,
    id: sources.id,
    revision: merged.newest + 1,
    entries,
    found: [
      ...sources.snapshots.map(({ name, revision }) => `${name}, which ends at change ${revision}`),
      ...sources.unusable,
      `${(await context.home.nodeFolders()).length} folders of nodes, ${running} running engines of ${groups.length} groups`,
    ],
    taken: [...merged.taken, ...notes],
    missing: [
      ...present.missing,
      ...(isExact || base.kind === 'nothing'
        ? []
        : [
            `what was changed after ${base.name} and is not beside the nodes: users, parameter groups, security groups, tags, keys of IAM`,
          ]),
      ...(base.kind === 'nothing'
        ? [
            'every record that no node has: users, parameter groups, security groups, tags, keys of IAM',
            ...(groups.length === 0
              ? []
              : [
                  'until they are made again, groups let in nobody whom a security group let in (larder allow makes new rules), parameters are the defaults, and users stay as engines know them',
                ]),
          ]
        : []),
      ...(await strangers(context, states)),
    ],
    running,
  }
}
