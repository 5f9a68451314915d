/** Is everything as it should be? Every look gives the list of what is missing; nothing missing is full health. */
import { DescribeReplicationGroupsCommand } from '@aws-sdk/client-elasticache'
import type { StatusReport, TestService } from '../e2e/support/service.ts'
import { parseCluster } from '../packages/service/src/engines/valkey/parse.ts'
import { ask, infoOf, type Place, textOf } from './asking.ts'
import type { NodeLayout, ShardLayout } from './groups.ts'
import { regions } from './groups.ts'
import { nodeOf } from './names.ts'
import { holds, listenersAt } from './sockets.ts'
import type { World } from './world.ts'
import type { Writers } from './writers.ts'

export interface Ward {
  readonly service: TestService
  readonly world: World
  readonly shards: readonly ShardLayout[]
  readonly writers: Writers
}

/** What the fault should have done to the roles, by shard. */
export interface Expectation {
  /** Shard to the primary that it had: another one is to be primary. */
  readonly moved: ReadonlyMap<string, string>
  /** Shard to the primary that it had: it still is. */
  readonly kept: ReadonlyMap<string, string>
}

/** What one engine says: its role, whom it follows, who follows it. */
interface EngineView {
  readonly node: NodeLayout
  readonly info: ReadonlyMap<string, string>
}

/** A failed look is a thing that is missing. */
const looking = async <T>(what: string, missing: string[], look: () => Promise<T>): Promise<T | null> => {
  try {
    return await look()
  } catch (error) {
    missing.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    return null
  }
}

const checkReplication = (shard: ShardLayout, primary: NodeLayout, views: readonly EngineView[], missing: string[]): void => {
  for (const { node, info } of views) {
    const role = info.get('role')
    if (node === primary) {
      if (role !== 'master') missing.push(`${node.id} is to be primary, its engine says ${role}`)
      const followers = [...info].filter(([name, value]) => /^slave\d+$/.test(name) && value.includes('state=online')).length
      if (followers !== shard.nodes.length - 1)
        missing.push(`${followers} replicas follow ${node.id}, not ${shard.nodes.length - 1}`)
      continue
    }
    if (role !== 'slave') missing.push(`${node.id} is to be a replica, its engine says ${role}`)
    else if (info.get('master_host') !== primary.address)
      missing.push(`${node.id} follows ${info.get('master_host')}, not ${primary.id}`)
    else if (info.get('master_link_status') !== 'up' || info.get('master_sync_in_progress') !== '0')
      missing.push(`${node.id} is not in sync with ${primary.id}`)
  }
}

/** Every node of a group with cluster mode sees the same: who owns which slots, who follows whom, nobody failed. */
const checkCluster = async (ward: Ward, group: readonly ShardLayout[], missing: string[]): Promise<void> => {
  const ids = new Map<string, string>()
  for (const shard of group)
    for (const node of Object.values(ward.world.stateOf(shard.group).nodes))
      if (node.clusterNodeId !== null) ids.set(node.clusterNodeId, node.id)
  const roles = new Map(group.flatMap((shard) => shard.nodes.map((node) => [node.id, shard] as const)))
  await Promise.all(
    group
      .flatMap((shard) => shard.nodes)
      .map((node) =>
        looking(`cluster of ${node.id}`, missing, async () => {
          const [nodes, info] = await ask(node, [
            ['CLUSTER', 'NODES'],
            ['CLUSTER', 'INFO'],
          ])
          const view = parseCluster(textOf(nodes), textOf(info))
          if (view.state !== 'ok') missing.push(`${node.id} sees the cluster in state ${view.state}`)
          for (const entry of view.nodes) {
            const id = ids.get(entry.id)
            const shard = id === undefined ? undefined : roles.get(id)
            if (shard === undefined) missing.push(`${node.id} sees a stranger ${entry.id} at ${entry.address}`)
            const bad = entry.flags.filter((flag) => ['fail', 'fail?', 'handshake', 'noaddr'].includes(flag))
            if (bad.length > 0) missing.push(`${node.id} sees ${id} as ${bad.join(' ')}`)
            if (shard === undefined) continue
            const primary = ward.world.primaryOf(shard.group, shard.shard)
            const sees = entry.primaryId === null ? 'primary' : `replica of ${ids.get(entry.primaryId)}`
            if (sees !== (id === primary ? 'primary' : `replica of ${primary}`)) missing.push(`${node.id} sees ${id} as ${sees}`)
            if ((id === primary) !== entry.slots.length > 0)
              missing.push(`${node.id} sees ${entry.slots.length} ranges of slots at ${id}`)
          }
          if (view.nodes.length !== roles.size) missing.push(`${node.id} sees ${view.nodes.length} nodes, not ${roles.size}`)
        }),
      ),
  )
}

/** Exactly one process of the group listens at its endpoint, and whoever asks there reaches that node. */
const checkEndpoint = async (ward: Ward, group: readonly ShardLayout[], missing: string[]): Promise<void> => {
  const [first] = group
  if (first === undefined) return
  const { endpoint, kind } = first
  const inodes = listenersAt(endpoint)
  const nodes = group.flatMap((shard) => shard.nodes)
  const holders = nodes.filter((node) => {
    const pid = ward.world.pidOf(first.group, node.id)
    return pid !== null && inodes.some((inode) => holds(pid, inode))
  })
  if (inodes.length !== 1 || holders.length !== 1) {
    missing.push(
      `${inodes.length} sockets listen at the endpoint of ${first.group}, of ${holders.map((node) => node.id).join(', ') || 'nobody'}`,
    )
    return
  }
  const holder = holders[0]?.id
  const primary = ward.world.primaryOf(first.group, first.shard)
  if (kind === 'cmd' && holder !== primary) missing.push(`${holder} binds the primary endpoint of ${first.group}, not ${primary}`)
  await looking(`endpoint of ${first.group}`, missing, async () => {
    const info = await infoOf(endpoint, 'server')
    const reached = nodeOf(info.get('run_id') ?? '', Number(info.get('process_id')))
    if (reached !== holder) missing.push(`the endpoint of ${first.group} leads to ${reached}, not ${holder}`)
  })
}

const checkReader = async (shard: ShardLayout, reader: Place, missing: string[]): Promise<void> => {
  await looking(`reader endpoint of ${shard.group}`, missing, async () => {
    const role = (await infoOf(reader, 'replication')).get('role')
    if (role !== 'slave') missing.push(`the reader endpoint of ${shard.group} leads to a ${role}`)
  })
}

const checkShard = async (ward: Ward, shard: ShardLayout, missing: string[]): Promise<void> => {
  const primaryId = ward.world.primaryOf(shard.group, shard.shard)
  const primary = shard.nodes.find((node) => node.id === primaryId)
  if (primary === undefined) {
    missing.push(`${shard.key} has no primary`)
    return
  }
  const views = await Promise.all(
    shard.nodes.map((node) =>
      looking(node.id, missing, async () => ({ node, info: await infoOf(node, 'replication') }) satisfies EngineView),
    ),
  )
  checkReplication(
    shard,
    primary,
    views.filter((view) => view !== null),
    missing,
  )
  if (shard.reader !== null) await checkReader(shard, shard.reader, missing)
}

const checkRecords = (ward: Ward, missing: string[]): void => {
  for (const group of new Set(ward.shards.map((shard) => shard.group))) {
    const state = ward.world.stateOf(group)
    if (state.status !== 'available') missing.push(`${group} is ${state.status}`)
    if (state.reason !== null) missing.push(`${group} says: ${state.reason}`)
    for (const node of Object.values(state.nodes))
      if (node.status !== 'available' || node.process === null)
        missing.push(`${node.id} is ${node.status}, process ${node.process?.pid}`)
  }
}

const checkWriters = (ward: Ward, since: number, missing: string[]): void => {
  for (const shard of ward.shards)
    for (const { writer, start } of ward.writers.lastAcknowledged(shard.key))
      if (start < since) missing.push(`${writer} has not written since`)
}

const checkExpected = (ward: Ward, { moved, kept }: Expectation, missing: string[]): void => {
  for (const shard of ward.shards) {
    const primary = ward.world.primaryOf(shard.group, shard.shard)
    if (moved.get(shard.key) === primary) missing.push(`${primary} is still primary of ${shard.key}`)
    if (kept.has(shard.key) && kept.get(shard.key) !== primary)
      missing.push(`${shard.key} was to keep its primary ${kept.get(shard.key)}, and has ${primary}`)
  }
}

/** What the engines, the kernel and the records of Larder show. Cheap enough to be asked again and again. */
const inside = async (ward: Ward, since: number, expected: Expectation): Promise<readonly string[]> => {
  const missing: string[] = []
  checkExpected(ward, expected, missing)
  checkRecords(ward, missing)
  checkWriters(ward, since, missing)
  if (missing.length > 0) return missing
  const groups = Map.groupBy(ward.shards, (shard) => shard.group)
  await Promise.all([
    ...ward.shards.map((shard) => checkShard(ward, shard, missing)),
    ...[...groups.values()].flatMap((group) => [
      checkEndpoint(ward, group, missing),
      ...(group[0]?.kind === 'cme' ? [checkCluster(ward, group, missing)] : []),
    ]),
  ])
  return missing
}

const checkStatus = (ward: Ward, report: StatusReport, missing: string[]): void => {
  for (const shard of ward.shards) {
    const nodes =
      report.groups.find((group) => group.id === shard.group)?.shards.find(({ id }) => id === shard.shard)?.nodes ?? []
    for (const { id } of shard.nodes) {
      const node = nodes.find((each) => each.id === id)
      const role = ward.world.primaryOf(shard.group, shard.shard) === id ? 'primary' : 'replica'
      if (node?.role !== role || node.pid === null || node.status !== 'available')
        missing.push(`larder status shows ${id} as ${node?.role}, ${node?.status}, process ${node?.pid}`)
    }
  }
}

const checkApi = async (ward: Ward, missing: string[]): Promise<void> => {
  for (const region of regions) {
    const client = ward.service.client(region)
    try {
      const { ReplicationGroups = [] } = await client.send(new DescribeReplicationGroupsCommand({}))
      for (const shard of ward.shards.filter((each) => each.region === region)) {
        const group = ReplicationGroups.find((each) => each.ReplicationGroupId === shard.group)
        if (group?.Status !== 'available') missing.push(`the API says that ${shard.group} is ${group?.Status}`)
        const members = group?.NodeGroups?.find((each) => each.NodeGroupId === shard.shard)?.NodeGroupMembers ?? []
        const primary = members.find((member) => member.CurrentRole === 'primary')?.CacheClusterId
        if (shard.kind === 'cmd' && primary !== ward.world.primaryOf(shard.group, shard.shard))
          missing.push(`the API says that ${primary} is primary of ${shard.key}`)
      }
    } finally {
      client.destroy()
    }
  }
}

/** What users see. It costs the service more, so it is asked only when everything else is well. */
const outside = async (ward: Ward): Promise<readonly string[]> => {
  const missing: string[] = []
  const report = await looking('larder status', missing, () => ward.service.status())
  if (report !== null) checkStatus(ward, report, missing)
  await looking('the API', missing, () => checkApi(ward, missing))
  return missing
}

export interface Waited {
  /** When all was well; null: it was not in time. */
  readonly healthyAt: number | null
  /** What was missing when something was missing last. */
  readonly missing: readonly string[]
}

const lookMs = 25

/** `since`: after the last thing that was done to them, in milliseconds of `performance.now()`. */
export const untilHealthy = async (
  ward: Ward,
  since: number,
  expected: Expectation,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<Waited> => {
  let missing: readonly string[] = []
  for (;;) {
    const at = performance.now()
    const within = await inside(ward, since, expected)
    const seen = within.length > 0 ? within : await outside(ward)
    if (seen.length === 0) return { healthyAt: at, missing }
    missing = seen
    if (performance.now() > since + deadlineMs || signal.aborted) return { healthyAt: null, missing }
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}
