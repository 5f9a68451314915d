import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModifyReplicationGroupMessage } from '@aws-sdk/client-elasticache'
import type { ActionContext } from '../../../action.ts'
import { groupContext, groupNow, newGroup, readyGroup, refuses, settle } from '../groups/testing.ts'
import { rejects } from '../test-context.ts'
import { modifyReplicationGroup } from './modify.ts'

const combination = 'InvalidParameterCombinationException'
const AuthToken = 'a-very-long-secret-token'

const modify = async (context: ActionContext, input: Partial<ModifyReplicationGroupMessage>) => {
  await modifyReplicationGroup({ ReplicationGroupId: 'demo', ApplyImmediately: true, ...input }, context)
  const { TransitEncryptionEnabled: enabled, TransitEncryptionMode: mode } = await groupNow(context, 'demo')
  await settle(context, 'rg', 'demo')
  return [enabled, mode]
}

test('a group is created with either mode, and tokens only where all is encrypted', async () => {
  const group = await newGroup(groupContext(), 'demo', { TransitEncryptionEnabled: true, TransitEncryptionMode: 'preferred' })
  assert.deepEqual([group.TransitEncryptionEnabled, group.TransitEncryptionMode], [true, 'preferred'])
  await refuses(
    { TransitEncryptionEnabled: true, TransitEncryptionMode: 'preferred', AuthToken },
    combination,
    /need .* required/,
  )
})

test('a running group goes one step at a time, in both directions', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { NumCacheClusters: 2 })
  const refused = (input: Partial<ModifyReplicationGroupMessage>, message: RegExp) =>
    rejects(context, () => modify(context, input), combination, message)
  await refused({ TransitEncryptionEnabled: true }, /preferred first; when all clients use TLS/)
  await refused({ TransitEncryptionEnabled: true, TransitEncryptionMode: 'required' }, /preferred first/)
  await refused({ TransitEncryptionMode: 'preferred' }, /only together with TransitEncryptionEnabled/)
  const toPreferred = { TransitEncryptionEnabled: true, TransitEncryptionMode: 'preferred' } as const
  await refused({ ...toPreferred, ApplyImmediately: false }, /only with ApplyImmediately/)
  await refused({ ...toPreferred, AuthToken }, /need .* required/)
  assert.deepEqual(await modify(context, toPreferred), [true, 'preferred'])
  assert.deepEqual(await modify(context, { TransitEncryptionEnabled: true }), [true, 'preferred'], 'what is so already')
  await refused({ AuthToken }, /need .* required/)
  assert.deepEqual(await modify(context, { TransitEncryptionMode: 'required' }), [true, 'required'])
  await refused({ TransitEncryptionEnabled: false }, /preferred first; then/)
  await modify(context, { AuthToken })
  await refused({ TransitEncryptionMode: 'preferred' }, /need .* required/)
})

test('encryption is turned off by way of preferred', async () => {
  const context = groupContext()
  await readyGroup(context, 'demo', { NumCacheClusters: 2, TransitEncryptionEnabled: true })
  assert.deepEqual(await modify(context, { TransitEncryptionMode: 'preferred' }), [true, 'preferred'])
  assert.deepEqual(await modify(context, { TransitEncryptionEnabled: false }), [false, undefined])
})
