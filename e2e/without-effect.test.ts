/** Settings without an effect, with real engines: the status says so with and without the service, STS and IAM name one root, and `refuse` refuses. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CreateReplicationGroupCommand,
  DescribeEventsCommand,
  DescribeSnapshotsCommand,
  ModifyReplicationGroupCommand,
} from '@aws-sdk/client-elasticache'
import { GetUserCommand, IAMClient } from '@aws-sdk/client-iam'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { available, create } from './support/groups.ts'
import { startTestService } from './support/service.ts'

const asked = /without effect yet: .*SnapshotRetentionLimit=5/
const atRest = /AtRestEncryptionEnabled.* the home (lies|may lie) on /

test('settings without an effect are told by an event and in the status, and are refused where the home says so', async () => {
  await using service = await startTestService({ extra: { LARDER_UNSUPPORTED: '' } })
  const client = service.client()
  await create(service, 'shop', { NumCacheClusters: 2, SnapshotRetentionLimit: 5 })
  const group = await available(service, 'shop')
  assert.deepEqual([group.AtRestEncryptionEnabled, group.SnapshotRetentionLimit], [true, 5])
  const { Events = [] } = await client.send(new DescribeEventsCommand({ SourceType: 'replication-group' }))
  const told = Events.flatMap(({ Message = '' }) => (Message.includes('no effect yet') ? [Message.split(' ')[0]] : []))
  assert.ok(told.includes('SnapshotRetentionLimit=5'), told.join(', '))
  assert.deepEqual((await client.send(new DescribeSnapshotsCommand({}))).Snapshots, [])
  assert.match(service.larder('status'), asked)
  assert.match(service.larder('status'), atRest)

  const credentials = await client.config.credentials()
  const own = { endpoint: service.url(), region: 'us-east-1', credentials, maxAttempts: 1 }
  const [sts, iam] = [new STSClient(own), new IAMClient(own)]
  const caller = await sts.send(new GetCallerIdentityCommand({}))
  const { User } = await iam.send(new GetUserCommand({}))
  assert.deepEqual([caller.Arn, caller.UserId], [User?.Arn, User?.UserId])
  for (const each of [sts, iam]) each.destroy()

  await service.end()
  assert.match(service.larder('status'), asked)
  assert.match(service.larder('status'), atRest)
  await service.start({ LARDER_UNSUPPORTED: 'refuse' })
  const refused = { name: 'InvalidParameterValueException', message: /not available yet in Larder/ }
  const change = new ModifyReplicationGroupCommand({ ReplicationGroupId: 'shop', SnapshotRetentionLimit: 7 })
  await assert.rejects(client.send(change), refused)
  const another = new CreateReplicationGroupCommand({
    ReplicationGroupId: 'other',
    ReplicationGroupDescription: 'd',
    CacheNodeType: 'cache.t4g.micro',
    Engine: 'valkey',
    SnapshotRetentionLimit: 1,
  })
  await assert.rejects(client.send(another), refused)
  client.destroy()
  await service.end()
  await assert.rejects(service.start({ LARDER_UNSUPPORTED: 'perhaps' }), /LARDER_UNSUPPORTED/)
  await service.start()
})
