import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModifyCacheClusterMessage } from '@aws-sdk/client-elasticache'
import { authTokenHash } from '../../../../model/auth-token.ts'
import { tokenPurpose } from '../../../../model/memcached.ts'
import { modifyCacheCluster } from '../cache-clusters/modify.ts'
import { rejects, type TestContext } from '../test-context.ts'
import { groupContext, newCluster, readyCluster, settle, specNow } from './testing.ts'

const combination = 'InvalidParameterCombinationException'
const tokens = ['first-token-of-a-cluster', 'second-token-of-a-cluster', 'third-token-of-a-cluster'] as const
const secure = { TransitEncryptionEnabled: true, AuthToken: tokens[0] }

const modify = (context: TestContext, input: Partial<ModifyCacheClusterMessage>) =>
  modifyCacheCluster({ CacheClusterId: 'demo', ApplyImmediately: true, ...input }, context)

/** Hashes, and what the sealed texts hold. */
const kept = async (context: TestContext) => {
  const { auth } = await specNow(context, 'cc', 'demo')
  assert.ok(auth)
  const opened = auth.sealed?.map((sealed) => context.sealer.open(sealed, tokenPurpose({ region: context.region, id: 'demo' })))
  assert.deepEqual(auth.tokens, opened?.map(authTokenHash))
  return opened
}

test('a token is kept sealed beside its hash, and rotated with both', async () => {
  const context = groupContext()
  await readyCluster(context, 'demo', secure)
  assert.deepEqual(await kept(context), [tokens[0]])
  for (const [AuthToken, AuthTokenUpdateStrategy, expected] of [
    [tokens[1], 'ROTATE', [tokens[0], tokens[1]]],
    [tokens[2], undefined, [tokens[1], tokens[2]]],
    [tokens[2], 'SET', [tokens[2]]],
    [tokens[2], 'ROTATE', [tokens[2]]],
  ] as const) {
    await modify(context, { AuthToken, ...(AuthTokenUpdateStrategy === undefined ? {} : { AuthTokenUpdateStrategy }) })
    await settle(context, 'cc', 'demo')
    assert.deepEqual(await kept(context), expected)
  }
  const { entries } = await context.store.list('')
  assert.ok(entries.length > 0 && tokens.every((token) => !JSON.stringify(entries).includes(token)))
})

test('what a node cannot do while it runs is refused, and so is a token without TLS', async () => {
  const context = groupContext()
  await rejects(context, () => newCluster(context, 'bare', { AuthToken: tokens[0] }), combination, /TransitEncryptionEnabled/)
  const other = { Engine: 'valkey', AuthToken: tokens[0] }
  await rejects(context, () => newCluster(context, 'other', other), combination, /create a replication group/)
  await readyCluster(context, 'demo', { TransitEncryptionEnabled: true })
  await rejects(context, () => modify(context, { AuthToken: tokens[0] }), combination, /from its start or never/)
})

test('strategies are those of Redis AUTH, but for the way to user groups', async () => {
  const context = groupContext()
  await readyCluster(context, 'demo', secure)
  const wrong = async (input: Partial<ModifyCacheClusterMessage>, message: RegExp): Promise<void> =>
    rejects(context, () => modify(context, input), combination, message)
  await wrong({ AuthTokenUpdateStrategy: 'DELETE' }, /Memcached does not have/)
  await wrong({ AuthTokenUpdateStrategy: 'SET', AuthToken: tokens[1] }, /only the strategy ROTATE/)
  await wrong({ AuthTokenUpdateStrategy: 'ROTATE' }, /needs an AuthToken/)
  await wrong({ AuthToken: tokens[1], ApplyImmediately: false }, /only with ApplyImmediately/)
})
