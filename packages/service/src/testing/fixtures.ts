/** Specs and contexts for tests of controllers, on a machine in memory. */

import { setTimeout as delay } from 'node:timers/promises'
import type { Guarding } from '../controllers/firewall/firewall.ts'
import { createConnections } from '../controllers/groups/connections.ts'
import type { GroupContext } from '../controllers/groups/context.ts'
import { createManager, type Manager } from '../controllers/groups/manager.ts'
import { decideGroup } from '../decide/group.ts'
import type { GroupKind, GroupSpec, NodeSpec, ShardSpec } from '../model/group.ts'
import { nodeIds, shardId } from '../model/names.ts'
import { evenSlots } from '../model/slots.ts'
import { zonesOf } from '../model/zones.ts'
import type { Certificates } from '../ports/certificates.ts'
import type { Clock } from '../ports/clock.ts'
import type { Store } from '../ports/store.ts'
import { createSealer } from '../security/seal.ts'
import type { FakeWorld } from './fake-world.ts'

export const region = 'us-east-1'

export const nodeSpec = (id: string, kind: GroupKind, shard: string, ordinal: number): NodeSpec => ({
  ...nodeIds({ id, kind }, shard, ordinal),
  zone: zonesOf(region)[(ordinal - 1) % 3] ?? `${region}a`,
  createdAt: 0,
  reboots: 0,
})

/** A spec as the API writes it. `shards` times `nodes`; only `cme` has more than one shard. */
export const groupSpec = (id: string, kind: GroupKind, shards: number, nodes: number): GroupSpec => {
  const slots = kind === 'cme' ? evenSlots(shards) : []
  const shardSpecs: readonly ShardSpec[] = Array.from({ length: shards }, (_, index) => ({
    id: shardId(index + 1),
    slots: slots[index] ?? [],
    nodes: Array.from({ length: nodes }, (_node, ordinal) => nodeSpec(id, kind, shardId(index + 1), ordinal + 1)),
    wantedPrimary: null,
  }))
  const memcached = kind === 'memcached'
  return {
    region,
    space: kind === 'cmd' || kind === 'cme' ? 'rg' : 'cc',
    id,
    kind,
    engine: memcached ? 'memcached' : 'valkey',
    engineVersion: memcached ? '1.6.18' : '9.1.2',
    nodeType: 'cache.t4g.small',
    port: memcached ? 11211 : 6379,
    parameterGroup: memcached ? 'default.memcached1.6' : kind === 'cme' ? 'default.valkey9.cluster.on' : 'default.valkey9',
    subnetGroup: null,
    automaticFailover: nodes > 1 && !memcached,
    multiAz: false,
    clusterMode: kind === 'cme' ? 'enabled' : 'disabled',
    durability: null,
    labels: {
      description: id,
      maintenanceWindow: 'sun:05:00-sun:06:00',
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
    tags: [],
    shards: shardSpecs,
    pending: null,
    deletion: null,
    createdAt: Date.now(),
    generation: 1,
  }
}

/** Groups in memory speak no TLS. */
export const noCertificates: Certificates = {
  bundle: '',
  prepare: () => undefined,
  term: () => null,
  issue: () => ({ certificate: '', key: '', authority: '', issuedAt: 0, endsAt: 0 }),
}

export const realClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
}

/** Controllers over this store and world, as after a start of Larder. */
export const startManager = (
  store: Store,
  world: FakeWorld,
  onLog: (line: string) => void = () => {},
  guarding: Guarding = { ensure: async () => undefined },
  decide: GroupContext['decide'] = decideGroup,
  certificates: Certificates = noCertificates,
): Manager => {
  const lost: { manager: Manager | null } = { manager: null }
  let unique = 0
  let chain: Promise<unknown> = Promise.resolve()
  const context: Omit<GroupContext, 'health'> = {
    decide,
    store,
    host: world.host,
    catalog: world.catalog,
    certificates,
    logins: () => null,
    discoveryModule: () => null,
    balancer: world.balancer,
    guarding,
    clock: realClock,
    log: (level, message, fields) =>
      onLog(`${level} ${message} ${JSON.stringify(fields, (_key, value) => (value instanceof Error ? value.message : value))}`),
    block: { first: 64 },
    machine: { name: 'machine', processors: 2, user: null, openFiles: null },
    secrets: { control: 'c', replication: 'r' },
    sealer: createSealer(new Uint8Array(32)),
    adapter: world.adapter,
    place: (where, id) => ({
      folder: `/fake/${where}/${id}`,
      socket: `/fake/run/${where}-${id}.sock`,
      tag: `/fake/${where}/${id}/`,
    }),
    connections: createConnections((name) => lost.manager?.connectionLost(name)),
    allocating: (work) => {
      const next = chain.then(work)
      chain = next.catch(() => undefined)
      return next
    },
    newClusterNodeId: () => Array.from({ length: 40 }, () => Math.floor(Math.random() * 16).toString(16)).join(''),
    unique: () => {
      unique += 1
      return `${unique.toString(16).padStart(6, '0')}00`
    },
    nodeFolders: async () => [...world.folders],
    setAside: world.setAside,
    readPersisted: world.readPersisted,
    closeHoles: world.closeHoles,
    onProgress: () => {},
  }
  const manager = createManager(context)
  lost.manager = manager
  return manager
}
