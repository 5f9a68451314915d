/** The AWS command line, unchanged: `larder aws ...`, and its own waiter. Where the machine has none, the mend is told. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startTestService } from './support/service.ts'

const machineHasAws = spawnSync('aws', ['--version']).status === 0

const words = (text: string): readonly string[] => text.split(' ')

test('the AWS command line makes a group, waits for it, reads its tags, and is told what is wrong', {
  skip: machineHasAws ? false : 'no aws command here',
}, async () => {
  await using service = await startTestService()
  const aws = (line: string): string => service.larder('aws', ...words(line))
  assert.match(aws('sts get-caller-identity'), /"Account": "000000000000"/)
  aws(
    'elasticache create-replication-group --replication-group-id cli --replication-group-description x --engine valkey --cache-node-type cache.t4g.micro --num-cache-clusters 2 --automatic-failover-enabled --tags Key=team,Value=web',
  )
  aws('elasticache wait replication-group-available --replication-group-id cli')
  const group = JSON.parse(aws('elasticache describe-replication-groups --replication-group-id cli')) as {
    ReplicationGroups: readonly { ARN: string; Status: string }[]
  }
  assert.equal(group.ReplicationGroups[0]?.Status, 'available')
  assert.match(aws(`elasticache list-tags-for-resource --resource-name ${group.ReplicationGroups[0]?.ARN}`), /"Value": "web"/)
  assert.throws(() => aws('elasticache describe-cache-clusters --cache-cluster-id nope'), /CacheClusterNotFound/)
  assert.throws(
    () =>
      aws(
        'elasticache create-replication-group --replication-group-id bad --replication-group-description x --engine valkey --cache-node-type cache.t4g.micro --num-cache-clusters 2 --multi-az-enabled --no-automatic-failover-enabled',
      ),
    /InvalidParameterCombination/,
  )
})

test('without the AWS command line, larder aws says how to get it', async () => {
  await using service = await startTestService()
  const path = service.environment['PATH']
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-path-'))
  // All that the command itself needs.
  symlinkSync('/usr/bin/readlink', join(folder, 'readlink'))
  service.environment['PATH'] = folder
  try {
    assert.throws(() => service.larder('aws', 's3', 'ls'), /install the AWS command line/)
  } finally {
    service.environment['PATH'] = path
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a second service of the same home is refused with the process that holds it', async () => {
  await using service = await startTestService()
  assert.throws(() => service.larder('up', '--port', '0'), new RegExp(`process ${service.pid()}`))
})
