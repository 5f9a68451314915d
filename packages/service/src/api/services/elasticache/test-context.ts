import assert from 'node:assert/strict'
import { Fault } from '../../../errors.ts'
import type { GroupSpec, GroupState, NodeSpec, NodeState } from '../../../model/group.ts'
import { clusterKey, specKey, stateKey } from '../../../model/keys.ts'
import { type SecurityGroupRecord, securityGroupKey } from '../../../model/security-groups.ts'
import type { InstalledEngine } from '../../../ports/catalog.ts'
import { put } from '../../../ports/records.ts'
import type { Store } from '../../../ports/store.ts'
import { createSealer } from '../../../security/seal.ts'
import { createMemoryStore } from '../../../store/memory.ts'
import type { ActionContext } from '../../action.ts'

/** An action context on a store in memory, with a clock that stands still until it is set. */
export interface TestContext extends ActionContext {
  setTime(now: number): void
}

export const region = 'eu-central-1'
export const account = '000000000000'

const engine = (name: InstalledEngine['engine'], version: string): InstalledEngine => ({
  engine: name,
  version,
  source: 'installed',
  path: `/engines/${name}@${version}`,
  command: [name],
})

export const installed: readonly InstalledEngine[] = [
  engine('valkey', '9.1.2'),
  engine('valkey', '9.1.0'),
  engine('valkey', '8.0.6'),
  engine('redis', '7.0.15'),
  engine('memcached', '1.6.18'),
]

export const testContext = (store: Store = createMemoryStore(), engines: readonly InstalledEngine[] = installed): TestContext => {
  let now = Date.UTC(2026, 10, 20, 12)
  return {
    region,
    account,
    store,
    catalog: { list: () => engines, known: () => [], find: () => null },
    clock: { now: () => now, sleep: async () => undefined },
    sealer: createSealer(new Uint8Array(32)),
    setTime: (to) => {
      now = to
    },
  }
}

/** A group as far as other resources look at it. */
export interface GroupInUse {
  readonly id: string
  readonly space?: 'rg' | 'cc'
  readonly parameterGroup?: string
  readonly subnetGroup?: string
  readonly tags?: GroupSpec['tags']
  readonly nodes?: readonly { readonly id: string; readonly zone: string }[]
  readonly status?: GroupState['status']
  readonly deleted?: boolean
}

const nodeSpec = (id: string, zone: string): NodeSpec => ({
  id,
  clusterId: id,
  cacheNodeId: '0001',
  zone,
  createdAt: 0,
  reboots: 0,
})

const nodeState = (id: string, status: NodeState['status']): NodeState => ({
  id,
  shard: '0001',
  address: '127.65.0.1',
  port: 6379,
  status,
  process: null,
  starting: false,
  engine: 'valkey',
  engineVersion: '9.1.2',
  nodeType: 'cache.t3.micro',
  parameters: {},
  parameterStatus: 'in-sync',
  rebootsDone: 0,
  clusterNodeId: null,
  joined: true,
})

const specOf = (use: GroupInUse): GroupSpec => ({
  region,
  space: use.space ?? 'rg',
  id: use.id,
  kind: use.space === 'cc' ? 'single' : 'cmd',
  engine: 'valkey',
  engineVersion: '9.1.2',
  nodeType: 'cache.t3.micro',
  port: 6379,
  parameterGroup: use.parameterGroup ?? 'default.valkey9',
  subnetGroup: use.subnetGroup ?? null,
  automaticFailover: false,
  multiAz: false,
  clusterMode: 'disabled',
  durability: null,
  labels: {
    description: '',
    maintenanceWindow: 'sun:23:00-mon:00:00',
    snapshotWindow: null,
    snapshotRetentionLimit: 0,
    snapshottingCluster: null,
    notificationTopicArn: null,
    notificationTopicStatus: 'inactive',
    autoMinorVersionUpgrade: true,
    securityGroupIds: [],
    cacheSecurityGroupNames: [],
    networkType: 'ipv4',
    ipDiscovery: 'ipv4',
  },
  tags: use.tags ?? [],
  shards: [{ id: '0001', slots: [], wantedPrimary: null, nodes: (use.nodes ?? []).map(({ id, zone }) => nodeSpec(id, zone)) }],
  pending: null,
  deletion: use.deleted === true ? { requestedAt: 1, retainPrimary: false } : null,
  createdAt: 0,
  generation: 1,
})

/** Writes the records that a group has: spec, state (unless `status` says `creating`), and the index of each of its nodes. */
export const putGroup = async (context: ActionContext, use: GroupInUse): Promise<void> => {
  const spec = specOf(use)
  const status = use.status ?? 'available'
  const nodes = spec.shards.flatMap((shard) => shard.nodes)
  const state: GroupState = {
    region,
    space: spec.space,
    id: spec.id,
    status,
    reason: null,
    generation: 1,
    shards: {},
    nodes: Object.fromEntries(nodes.map(({ id }) => [id, nodeState(id, status === 'available' ? 'available' : status)])),
    primaryEndpoint: null,
    readerEndpoint: null,
    configurationEndpoint: null,
    discoveryVersion: 0,
    discoveryNodes: [],
  }
  await context.store.transact(
    [],
    [
      put(specKey(spec), spec),
      ...(status === 'creating' ? [] : [put(stateKey(spec), state)]),
      ...nodes.map(({ clusterId }) => put(clusterKey(region, clusterId), { space: spec.space, id: spec.id })),
    ],
  )
}

/** A security group that lets nobody in. */
export const putSecurityGroup = async (context: ActionContext, id: string): Promise<void> => {
  const record: SecurityGroupRecord = { region, id, name: id, description: id, ingress: [], egress: [], tags: [] }
  await context.store.transact([], [put(securityGroupKey(region, id), record)])
}

/** Expects a fault of this shape, and that nothing was written meanwhile. */
export const rejects = async (
  context: ActionContext,
  action: () => Promise<unknown>,
  shape: string,
  message: RegExp,
): Promise<void> => {
  const before = await context.store.list('')
  await assert.rejects(action, (error: unknown) => {
    assert.ok(error instanceof Fault, `expected a fault, found ${String(error)}`)
    assert.equal(error.shape, shape, error.message)
    assert.match(error.message, message)
    return true
  })
  assert.deepEqual(await context.store.list(''), before)
}
