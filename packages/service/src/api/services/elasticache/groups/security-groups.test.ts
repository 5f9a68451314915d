import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stateKey } from '../../../../model/keys.ts'
import { defaultSecurityGroupId, securityGroupKey } from '../../../../model/security-groups.ts'
import { remove } from '../../../../ports/records.ts'
import { modifyCacheCluster } from '../cache-clusters/modify.ts'
import { createReplicationGroup } from '../replication-groups/create.ts'
import { modifyReplicationGroup } from '../replication-groups/modify.ts'
import { putSecurityGroup, region, rejects, type TestContext } from '../test-context.ts'
import {
  changeState,
  clusterNow,
  groupContext,
  groupNow,
  newCluster,
  newGroup,
  readyCluster,
  readyGroup,
  specNow,
} from './testing.ts'

const value = 'InvalidParameterValueException'
const [one, two] = ['sg-11111111', 'sg-22222222222222222'] as const

const context = async (): Promise<TestContext> => {
  const made = groupContext()
  for (const id of [one, two]) await putSecurityGroup(made, id)
  return made
}

const shown = async (where: TestContext, id: string) =>
  (await clusterNow(where, id)).SecurityGroups?.map(({ SecurityGroupId, Status }) => `${SecurityGroupId} ${Status}`)

const inForce = (where: TestContext, id: string, securityGroups: readonly string[]): Promise<void> =>
  changeState(where, 'rg', id, (state) => ({ ...state, securityGroups }))

test('a group has the security groups that it names, and shows when they are in force', async () => {
  const where = await context()
  await readyGroup(where, 'demo', { SecurityGroupIds: [one, two, one] })
  assert.deepEqual((await specNow(where, 'rg', 'demo')).labels.securityGroupIds, [one, two])
  await inForce(where, 'demo', [])
  assert.deepEqual(await shown(where, 'demo-001'), [`${one} adding`, `${two} adding`])
  assert.equal((await groupNow(where, 'demo')).Status, 'modifying', 'who sees `available` relies on the list')
  await inForce(where, 'demo', [one, two])
  assert.deepEqual(await shown(where, 'demo-001'), [`${one} active`, `${two} active`])
  await modifyReplicationGroup({ ReplicationGroupId: 'demo', SecurityGroupIds: [two] }, where)
  assert.deepEqual(await shown(where, 'demo-001'), [`${two} active`, `${one} removing`])
  const status = 'InvalidReplicationGroupStateFault'
  const again = () => modifyReplicationGroup({ ReplicationGroupId: 'demo', SecurityGroupIds: [one] }, where)
  await rejects(where, again, status, /modifying/)
  await inForce(where, 'demo', [two])
  assert.equal((await groupNow(where, 'demo')).Status, 'available')
  assert.deepEqual(await shown(where, 'demo-001'), [`${two} active`])
  await modifyReplicationGroup({ ReplicationGroupId: 'demo', ReplicationGroupDescription: 'x', SecurityGroupIds: [] }, where)
  assert.deepEqual(await shown(where, 'demo-001'), [`${two} active`], 'an empty list is none')
})

test('a group that names none has the default group', async () => {
  const where = await context()
  await readyCluster(where, 'mc')
  assert.deepEqual(await shown(where, 'mc'), [`${defaultSecurityGroupId(region)} active`])
  await modifyCacheCluster({ CacheClusterId: 'mc', SecurityGroupIds: [defaultSecurityGroupId(region)] }, where)
  assert.deepEqual((await specNow(where, 'cc', 'mc')).labels.securityGroupIds, [defaultSecurityGroupId(region)])
})

test('security groups that are made up are refused, and too many', async () => {
  const where = await context()
  await readyGroup(where, 'demo')
  await readyCluster(where, 'mc')
  for (const wrong of ['sg-12345678', 'sg-0123456789abcdef0', 'group', '', 'sg-x/../y']) {
    const SecurityGroupIds = [one, wrong]
    const message = /Some security group IDs are invalid: \[/
    await rejects(where, () => newGroup(where, 'other', { SecurityGroupIds }), value, message)
    await rejects(where, () => newCluster(where, 'other', { SecurityGroupIds }), value, message)
    await rejects(where, () => modifyReplicationGroup({ ReplicationGroupId: 'demo', SecurityGroupIds }, where), value, message)
    await rejects(where, () => modifyCacheCluster({ CacheClusterId: 'mc', SecurityGroupIds }, where), value, message)
  }
  const many = Array.from({ length: 6 }, (_, index) => `sg-0000000${index}`)
  await rejects(where, () => newGroup(where, 'other', { SecurityGroupIds: many }), value, /at most 5/)
})

test('where they cannot be put in force a request with security groups is refused, and others are not', async () => {
  const where = { ...(await context()), whyUnguarded: async () => 'no nft here' }
  await rejects(where, () => newGroup(where, 'demo', { SecurityGroupIds: [one] }), value, /no nft here/)
  await readyGroup(where, 'demo')
  await rejects(
    where,
    () => modifyReplicationGroup({ ReplicationGroupId: 'demo', SecurityGroupIds: [one] }, where),
    value,
    /no nft here/,
  )
})

test('a security group that goes while a group is made with it fails the creation', async () => {
  const where = await context()
  let first = true
  const busy: TestContext = {
    ...where,
    store: {
      ...where.store,
      transact: async (conditions, operations) => {
        if (first) await where.store.transact([], [remove(securityGroupKey(region, one))])
        first = false
        return where.store.transact(conditions, operations)
      },
    },
  }
  await assert.rejects(newGroup(busy, 'demo', { SecurityGroupIds: [one] }), /do not exist/)
})

test('a cluster takes its security groups along into a replication group, or is given others', async () => {
  for (const [SecurityGroupIds, expected] of [
    [undefined, [one]],
    [[two], [two]],
  ] as const) {
    const where = await context()
    await readyCluster(where, 'single', { Engine: 'valkey', SecurityGroupIds: [one] })
    await createReplicationGroup(
      {
        ReplicationGroupId: 'demo',
        ReplicationGroupDescription: 'd',
        PrimaryClusterId: 'single',
        ...(SecurityGroupIds === undefined ? {} : { SecurityGroupIds: [...SecurityGroupIds] }),
      },
      where,
    )
    assert.deepEqual((await specNow(where, 'rg', 'demo')).labels.securityGroupIds, expected)
    assert.equal(await where.store.get(stateKey({ region, space: 'cc', id: 'single' })), null)
  }
})
