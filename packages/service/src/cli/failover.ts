/** `larder failover ID [SHARD]`: a planned switch, step by step. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { DescribeReplicationGroupsCommand, ElastiCacheClient } from '@aws-sdk/client-elasticache'
import { LarderError } from '../errors.ts'
import { groupName } from '../model/keys.ts'
import { currentAccess, existingHome } from './access.ts'
import { call } from './call.ts'
import { findNamed } from './groups.ts'
import { currentReport } from './report.ts'
import { print } from './terminal.ts'

const deadlineMs = 30_000
const pollMs = 5

interface Line {
  readonly time: string
  readonly message: string
  readonly group?: string
  readonly [field: string]: unknown
}

/** What a step says to people, by the words of the service's log. */
const steps: Readonly<Record<string, (line: Line) => string>> = {
  'a shard gets another primary': (line) =>
    `${line['primary']} is to be primary instead of ${line['former']}, in epoch ${line['epoch']}: ${line['because']}`,
  'writes are paused': (line) => `writes are paused at ${line['node']}`,
  'every write has arrived': (line) => `every write has arrived at ${line['node']}`,
  'the engines hand over': (line) => `${line['from']} hands over to ${line['to']}`,
  promoted: (line) => `${line['node']} is primary`,
  'the primary endpoint has moved': (line) => `the primary endpoint ${line['address']} has moved to ${line['node']}`,
}

/** The steps of one group that are written to the log from now on. Their times are those of the service. */
const openSteps = (file: string, group: string) => {
  let at = existsSync(file) ? statSync(file).size : 0
  let rest = ''
  return (): readonly { readonly at: number; readonly text: string }[] => {
    const bytes = readFileSync(file).subarray(at)
    at += bytes.length
    const lines = `${rest}${bytes.toString('utf8')}`.split('\n')
    rest = lines.pop() ?? ''
    return lines
      .map((text) => JSON.parse(text) as Line)
      .flatMap((line) => {
        const step = line.group === group ? steps[line.message] : undefined
        return step === undefined ? [] : [{ at: new Date(line.time).getTime(), text: step(line) }]
      })
  }
}

export const failover = async ([name, wantedShard]: readonly string[]): Promise<number> => {
  if (name === undefined) throw new LarderError('usage', 'expected: larder failover ID [SHARD]')
  const { group } = findNamed(await currentReport(), name)
  if (group.kind === 'memcached' || group.kind === 'single')
    throw new LarderError(
      'usage',
      `expected a replication group, found the cache cluster ${group.id}: it has no replica to hand over to`,
    )
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
  const started = Date.now()
  const deadline = performance.now() + deadlineMs
  const say = (text: string, at = Date.now()): void => print(`${String(at - started).padStart(6)} ms  ${text}\n`)
  const news = openSteps(existingHome().home.logFile, groupName({ region: group.region, space: 'rg', id: group.id }))
  try {
    await call(access, group.region, 'Failover', { ReplicationGroupId: group.id, NodeGroupId: shard.id })
    say('the switch is asked for', started)
    for (;;) {
      const { ReplicationGroups: [described] = [] } = await client.send(
        new DescribeReplicationGroupsCommand({ ReplicationGroupId: group.id }),
      )
      for (const step of news()) say(step.text, step.at)
      if (described?.Status === 'available') break
      if (performance.now() > deadline)
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
