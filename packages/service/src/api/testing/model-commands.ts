/** Random commands over few names, so that they meet. */
import fc from 'fast-check'
import type { Command, Kind } from './model.ts'

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)
const groupId = pick('ga', 'ga', 'gb')
const clusterId = pick('ca', 'ca', 'cb')
const parameterGroupId = pick('pa', 'pa', 'pb')
const subnetGroupId = pick('sa', 'sa', 'sb')
const idOf: Readonly<Record<Kind, fc.Arbitrary<string>>> = {
  group: groupId,
  cluster: clusterId,
  parameterGroup: parameterGroupId,
  subnetGroup: subnetGroupId,
}
const anything = pick<Kind>('group', 'cluster', 'parameterGroup', 'subnetGroup').chain((kind) =>
  idOf[kind].map((id) => ({ kind, id })),
)
const named = (id: fc.Arbitrary<string>): fc.Arbitrary<string | null> => fc.oneof(fc.constant(null), fc.constant(null), id)
const replicas = fc.nat({ max: 3 })
const is = <K extends Command['do']>(name: K): fc.Arbitrary<K> => fc.constant(name)
const parameter = pick(
  { name: 'timeout', value: '20' },
  { name: 'timeout', value: '30' },
  { name: 'maxmemory-policy', value: 'allkeys-lru' },
  { name: 'chunk_size_growth_factor', value: '1.5' },
)

export const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({
        do: is('create group'),
        id: groupId,
        shards: pick(1, 1, 2),
        replicas: fc.nat({ max: 2 }),
        failover: fc.boolean(),
        parameterGroup: named(parameterGroupId),
        subnetGroup: named(subnetGroupId),
      })
      // Mostly as it is allowed: the other way is there too, and seldom.
      .map((made) => (made.shards > 1 && made.replicas > 0 ? { ...made, failover: true, parameterGroup: null } : made)),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: is('create cluster'),
      id: clusterId,
      memcached: fc.boolean(),
      nodes: pick(1, 1, 2, 3),
      parameterGroup: named(parameterGroupId),
      subnetGroup: named(subnetGroupId),
    }),
  },
  { weight: 3, arbitrary: anything.map((which) => ({ do: 'delete' as const, ...which })) },
  { weight: 2, arbitrary: anything.map((which) => ({ do: 'describe' as const, ...which })) },
  { weight: 4, arbitrary: fc.record({ do: pick('increase' as const, 'decrease' as const), id: groupId, replicas }) },
  { weight: 1, arbitrary: fc.record({ do: is('describe group'), id: groupId, description: pick('one', 'two & <more>') }) },
  { weight: 2, arbitrary: fc.record({ do: is('failover'), id: groupId, on: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: is('use parameter group'),
      kind: fc.constant('group' as const),
      id: groupId,
      parameterGroup: parameterGroupId,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: is('use parameter group'),
      kind: fc.constant('cluster' as const),
      id: clusterId,
      parameterGroup: parameterGroupId,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: is('add nodes'), id: clusterId, nodes: pick(1, 2, 3, 4) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: is('create parameter group'),
      id: parameterGroupId,
      family: pick('valkey9' as const, 'valkey9' as const, 'memcached1.6' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(parameterGroupId, parameter).map(([id, set]) => ({ do: 'set parameter' as const, id, ...set })),
  },
  { weight: 1, arbitrary: fc.record({ do: is('reset parameters'), id: parameterGroupId }) },
  { weight: 4, arbitrary: fc.record({ do: is('create subnet group'), id: subnetGroupId, description: pick('one', 'two') }) },
  { weight: 1, arbitrary: fc.record({ do: is('change subnet group'), id: subnetGroupId, description: pick('one', 'two') }) },
  {
    weight: 2,
    arbitrary: fc.tuple(anything, pick('k1', 'k2'), pick('v1', '')).map(([which, key, value]) => ({
      do: 'tag' as const,
      ...which,
      key,
      value,
    })),
  },
  { weight: 1, arbitrary: fc.tuple(anything, pick('k1', 'k2')).map(([which, key]) => ({ do: 'untag' as const, ...which, key })) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  { weight: 2, arbitrary: fc.record({ do: is('kill'), which: fc.nat({ max: 9 }) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'settle' as const }) },
)
