import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupContext, newGroup, refuses } from '../groups/testing.ts'

const combination = 'InvalidParameterCombinationException'
const value = 'InvalidParameterValueException'

test('encryption in transit is required where it is asked for', async () => {
  for (const input of [
    { TransitEncryptionEnabled: true, TransitEncryptionMode: 'required' } as const,
    { TransitEncryptionEnabled: true },
  ]) {
    const group = await newGroup(groupContext(), 'demo', input)
    assert.deepEqual([group.TransitEncryptionEnabled, group.TransitEncryptionMode], [true, 'required'])
  }
  await refuses({ TransitEncryptionMode: 'required' }, combination, /only together with TransitEncryptionEnabled/)
  await refuses({ TransitEncryptionEnabled: true, TransitEncryptionMode: 'always' as 'required' }, value, /preferred, required/)
})

test('an AUTH token follows its rules, needs TLS, and stands in no record and no refusal', async () => {
  const context = groupContext()
  const token = 'a-very-long-secret-token'
  const group = await newGroup(context, 'demo', { TransitEncryptionEnabled: true, AuthToken: token })
  assert.equal(group.AuthTokenEnabled, true)
  assert.ok(group.AuthTokenLastModifiedDate instanceof Date)
  assert.ok(!JSON.stringify(await context.store.list('')).includes(token))
  await refuses({ AuthToken: token }, combination, /only together with TransitEncryptionEnabled/)
  for (const bad of ['short', 'x'.repeat(129), 'with spaces in between it', 'no/slashes/are/allowed'])
    await refuses(
      { TransitEncryptionEnabled: true, AuthToken: bad },
      value,
      /^Invalid AuthToken provided\. It must have 16 to 128 characters/,
    )
})
