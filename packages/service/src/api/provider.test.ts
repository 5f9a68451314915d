/**
 * The calls of Terraform's AWS provider around each configuration of a table: created, waited for, read, compared with what was asked, changed,
 * destroyed twice. Through the dispatch with real signatures, to the real actions and controllers on a machine in memory.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { clusterDefaults, createCluster, destroyCluster, readCluster, updateCluster } from './testing/provider/clusters.ts'
import { around, groupRows } from './testing/provider/group-rows.ts'
import { createGroup, destroyGroup, groupDefaults, readGroup, updateGroup } from './testing/provider/groups.ts'
import { clusterRows, parameterRows, userRows } from './testing/provider/other-rows.ts'
import {
  createParameterGroup,
  createSubnetGroup,
  destroyParameterGroup,
  destroySubnetGroup,
  readParameterGroup,
  readSubnetGroup,
  updateParameterGroup,
  updateSubnetGroup,
} from './testing/provider/parameters.ts'
import { type ProviderService, startProviderService } from './testing/provider/service.ts'
import {
  createUser,
  createUserGroup,
  destroyUser,
  destroyUserGroup,
  readUser,
  readUserGroup,
  updateUser,
  updateUserGroup,
} from './testing/provider/users.ts'

let service: ProviderService
/** Ids of what is made around the rows, by the names that they have there. */
const made = new Map<string, string>()

before(async () => {
  service = await startProviderService()
  made.set(around.securityGroup, await service.securityGroup('one'))
  made.set(around.other, await service.securityGroup('two'))
  await createUser(service.client, 'member', {
    user_name: 'member',
    engine: 'valkey',
    access_string: 'on ~* +@all',
    passwords: ['a-password-of-the-member'],
  })
  await createUserGroup(service.client, 'team', { engine: 'valkey', user_ids: ['member'] })
  made.set(around.userGroup, 'team')
  const everything = { engine: 'redis', access_string: 'on ~* +@all' } as const
  await createUser(service.client, 'everybody', { ...everything, user_name: 'default', passwords: ['a-password-of-everybody'] })
  await createUser(service.client, 'larry', { ...everything, user_name: 'larry', authentication_mode: { type: 'iam' } })
  await createUserGroup(service.client, 'mixed', { engine: 'redis', user_ids: ['everybody', 'larry'] })
  made.set(around.mixed, 'mixed')
})
after(() => service.stop())

const withIds = <T extends object>(config: T): T =>
  JSON.parse(JSON.stringify(config), (_key, value: unknown) =>
    typeof value === 'string' ? (made.get(value) ?? value) : value,
  ) as T

/** Attributes that no refresh gives back. */
const unread: ReadonlySet<string> = new Set([
  'auth_token',
  'auth_token_update_strategy',
  'final_snapshot_identifier',
  'notification_topic_arn of a group',
  'node_group_configuration',
  'preferred_cache_cluster_azs',
])

const sorted = (value: unknown): unknown =>
  Array.isArray(value) ? (value as readonly unknown[]).map((each) => JSON.stringify(each)).toSorted() : value

/** No difference: what a plan after the apply would show. */
const noDifference = (
  config: object,
  defaults: object,
  read: Readonly<Record<string, unknown>> | null,
  skip: readonly string[] = [],
): void => {
  assert.ok(read !== null, 'expected it to be there')
  for (const [name, asked] of Object.entries({ ...defaults, ...config })) {
    if (unread.has(name) || skip.includes(name)) continue
    assert.deepEqual(sorted(read[name]), sorted(asked), name)
  }
}

const concurrency = 4

describe('aws_elasticache_replication_group', { concurrency }, () => {
  for (const [index, { name, config, updates = [], refused }] of groupRows.entries())
    test(name, async () => {
      const id = `group-${index}`
      const first = withIds(config)
      if (refused !== undefined && updates.length === 0) {
        await assert.rejects(createGroup(service.client, id, first), refused)
        assert.equal(await readGroup(service.client, id, first), null)
        return
      }
      await createGroup(service.client, id, first)
      // The provider does not read the topic of a group.
      noDifference(first, groupDefaults, await readGroup(service.client, id, first), ['notification_topic_arn'])
      let now = first
      for (const update of updates) {
        const next = { ...now, ...withIds(update) }
        if (refused !== undefined && update === updates.at(-1)) {
          await assert.rejects(updateGroup(service.client, id, now, next), refused)
          noDifference(now, groupDefaults, await readGroup(service.client, id, now), ['notification_topic_arn'])
          break
        }
        await updateGroup(service.client, id, now, next)
        noDifference(next, groupDefaults, await readGroup(service.client, id, next), ['notification_topic_arn'])
        now = next
      }
      await destroyGroup(service.client, id, now)
      assert.equal(await readGroup(service.client, id, now), null)
    })
})

describe('aws_elasticache_cluster', { concurrency }, () => {
  for (const [index, { name, config, updates = [], refused }] of clusterRows.entries())
    test(name, async () => {
      const id = `cluster-${index}`
      const first = withIds(config)
      if (refused !== undefined) {
        await assert.rejects(createCluster(service.client, id, first), refused)
        assert.equal(await readCluster(service.client, id, first), null)
        return
      }
      await createCluster(service.client, id, first)
      noDifference(first, clusterDefaults, await readCluster(service.client, id, first))
      let now = first
      for (const update of updates) {
        const next = { ...now, ...withIds(update), ...('notification_topic_arn' in update ? update : {}) }
        await updateCluster(service.client, id, now, next)
        noDifference(next, clusterDefaults, await readCluster(service.client, id, next))
        now = next
      }
      await destroyCluster(service.client, id, now)
      assert.equal(await readCluster(service.client, id, now), null)
    })

  test('replicas of a group', async () => {
    const group = { node_type: 'cache.t4g.small', num_cache_clusters: 1 }
    await createGroup(service.client, 'with-replicas', group)
    for (const id of ['replica-1', 'replica-2']) {
      const config = { replication_group_id: 'with-replicas', tags: { of: id } }
      await createCluster(service.client, id, config)
      noDifference(config, clusterDefaults, await readCluster(service.client, id, config))
    }
    for (const id of ['replica-1', 'replica-2']) await destroyCluster(service.client, id, {})
    await destroyGroup(service.client, 'with-replicas', group)
  })
})

describe('aws_elasticache_user and its groups', { concurrency }, () => {
  for (const [index, { name, config, updates = [], refused, named }] of userRows.entries())
    test(name, async () => {
      const id = `user-${index}`
      const first = named ? { ...config, user_name: id } : config
      if (refused !== undefined) {
        await assert.rejects(createUser(service.client, id, first), refused)
        assert.equal(await readUser(service.client, id), null)
        return
      }
      await createUser(service.client, id, first)
      let now = first
      for (const update of [{}, ...updates]) {
        const next = { ...now, ...update }
        if (next !== first && Object.keys(update).length > 0) await updateUser(service.client, id, now, next)
        const read = await readUser(service.client, id)
        noDifference({ tags: {}, ...next }, {}, read, ['passwords', 'no_password_required', 'authentication_mode'])
        const passwords = next.authentication_mode?.passwords ?? next.passwords ?? []
        assert.equal(read?.password_count, passwords.length)
        const type = next.authentication_mode?.type ?? (passwords.length > 0 ? 'password' : 'no-password')
        assert.equal(read?.authentication, type.replace('-required', ''))
        now = next
      }
      await destroyUser(service.client, id)
      assert.equal(await readUser(service.client, id), null)
    })

  test('a user group gets, changes and loses its users', async () => {
    const ids = ['member-1', 'member-2', 'member-3']
    for (const id of ids)
      await createUser(service.client, id, {
        user_name: id,
        engine: 'redis',
        access_string: 'on ~* +@all',
        no_password_required: true,
      })
    await createUserGroup(service.client, 'redis-team', { engine: 'redis', user_ids: ['default', 'member-1'], tags: { a: 'b' } })
    const expect = async (...user_ids: string[]) =>
      assert.deepEqual(await readUserGroup(service.client, 'redis-team'), {
        engine: 'redis',
        user_ids: user_ids.toSorted(),
        tags: { a: 'b' },
      })
    await expect('default', 'member-1')
    await updateUserGroup(service.client, 'redis-team', ['default', 'member-1'], ['default', 'member-2', 'member-3'])
    await expect('default', 'member-2', 'member-3')
    // The association takes `not a member` as done.
    await assert.rejects(updateUserGroup(service.client, 'redis-team', ['member-1'], []), /not a member/)
    await destroyUserGroup(service.client, 'redis-team')
    for (const id of ids) await destroyUser(service.client, id)
  })
})

describe('aws_elasticache_parameter_group and aws_elasticache_subnet_group', { concurrency }, () => {
  for (const [index, { name, config, updates = [] }] of parameterRows.entries())
    test(name, async () => {
      const id = `parameters-${index}`
      await createParameterGroup(service.client, id, config)
      let now = config.parameter ?? {}
      noDifference({ tags: {}, parameter: {}, ...config }, {}, await readParameterGroup(service.client, id))
      for (const next of updates) {
        await updateParameterGroup(service.client, id, now, next)
        noDifference({ tags: {}, ...config, parameter: next }, {}, await readParameterGroup(service.client, id))
        now = next
      }
      await destroyParameterGroup(service.client, id)
      assert.equal(await readParameterGroup(service.client, id), null)
    })

  test('a subnet group, and another subnet in it', async () => {
    const config = { subnet_ids: ['subnet-0000000a', 'subnet-0000000b'], tags: { a: 'b' } }
    await createSubnetGroup(service.client, 'Mine', config)
    noDifference({ description: 'Managed by Terraform', ...config }, {}, await readSubnetGroup(service.client, 'mine'))
    const next = { ...config, description: 'more', subnet_ids: [...config.subnet_ids, 'subnet-0000000c'] }
    await updateSubnetGroup(service.client, 'mine', next)
    noDifference(next, {}, await readSubnetGroup(service.client, 'mine'))
    await destroySubnetGroup(service.client, 'mine')
  })

  test('a group in the subnets of a VPC of its own', async () => {
    const subnets = await service.vpcSubnets()
    assert.equal(subnets.length, 3)
    await createSubnetGroup(service.client, 'of-vpc', { subnet_ids: subnets })
    const config = { node_type: 'cache.t4g.small', num_cache_clusters: 3, subnet_group_name: 'of-vpc' }
    await createGroup(service.client, 'in-vpc', config)
    noDifference(config, groupDefaults, await readGroup(service.client, 'in-vpc', config))
    await destroyGroup(service.client, 'in-vpc', config)
    await destroySubnetGroup(service.client, 'of-vpc')
  })
})

test('the table has at least a hundred configurations', () => {
  const rows = [...groupRows, ...clusterRows, ...userRows, ...parameterRows]
  assert.ok(rows.length >= 100, `found ${rows.length}`)
  const steps = rows.reduce((sum, row) => sum + 1 + (row.updates?.length ?? 0), 0)
  assert.ok(steps > 150, `found ${steps}`)
})
