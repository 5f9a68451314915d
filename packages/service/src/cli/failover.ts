/** `larder failover ID [SHARD]`: a planned switch, step by step. */
import { DescribeReplicationGroupsCommand, ElastiCacheClient, TestFailoverCommand } from '@aws-sdk/client-elasticache'
import { LarderError } from '../errors.ts'
import type { NodeReport } from '../observe/report.ts'
import { currentAccess } from './access.ts'
import { findNamed } from './groups.ts'
import { currentReport } from './report.ts'
import { print } from './terminal.ts'

const deadlineMs = 30_000
const pollMs = 5

const primaryOf = async (id: string, shardId: string): Promise<NodeReport | undefined> => {
  const { group } = findNamed(await currentReport(), id)
  return group.shards.find((shard) => shard.id === shardId)?.nodes.find((node) => node.role === 'primary')
}

export const failover = async ([name, wantedShard]: readonly string[]): Promise<number> => {
  if (name === undefined) throw new LarderError('usage', 'expected: larder failover ID [SHARD]')
  const { group } = findNamed(await currentReport(), name)
  const shard = group.shards.find((candidate) => candidate.id === (wantedShard ?? group.shards[0]?.id))
  if (shard === undefined)
    throw new LarderError(
      'usage',
      `expected a shard of ${group.id} (${group.shards.map((each) => each.id).join(', ')}), found ${wantedShard}`,
    )
  if (wantedShard === undefined && group.shards.length > 1) {
    throw new LarderError(
      'usage',
      `expected: larder failover ${group.id} SHARD, one of ${group.shards.map((each) => each.id).join(', ')}`,
    )
  }
  const access = currentAccess()
  const client = new ElastiCacheClient({
    endpoint: access.url,
    region: group.region,
    credentials: { accessKeyId: access.accessKeyId, secretAccessKey: access.secretAccessKey },
  })
  const started = performance.now()
  const say = (text: string): void => print(`${(performance.now() - started).toFixed(0).padStart(6)} ms  ${text}\n`)
  try {
    const before = await primaryOf(group.id, shard.id)
    say(`${before?.id ?? 'nobody'} is primary of shard ${shard.id}`)
    await client
      .send(new TestFailoverCommand({ ReplicationGroupId: group.id, NodeGroupId: shard.id }))
      .catch((error: unknown) => {
        throw new LarderError('usage', error instanceof Error ? error.message : String(error), { cause: error })
      })
    say('the switch is asked for')
    for (;;) {
      const now = await primaryOf(group.id, shard.id)
      if (now !== undefined && now.id !== before?.id) {
        say(`${now.id} is primary at ${now.address}:${now.port}`)
        break
      }
      if (performance.now() - started > deadlineMs)
        throw new LarderError('deadline', `no switch within ${deadlineMs / 1000} s; larder status says why`)
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
    for (;;) {
      const { ReplicationGroups: [described] = [] } = await client.send(
        new DescribeReplicationGroupsCommand({ ReplicationGroupId: group.id }),
      )
      if (described?.Status === 'available') break
      if (performance.now() - started > deadlineMs)
        throw new LarderError(
          'deadline',
          `the group is ${described?.Status} after ${deadlineMs / 1000} s; larder status says why`,
        )
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
    say(`${group.id} is available, every replica follows`)
    return 0
  } finally {
    client.destroy()
  }
}
