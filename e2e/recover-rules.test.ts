/** Security groups that are gone with every record let nobody in, and do not stand in the way of new rules. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findTool } from '../packages/service/src/engines/tools.ts'
import { canUseNftables } from '../packages/service/src/host/nftables-try.ts'
import { create } from './support/groups.ts'
import { startTestService, until } from './support/service.ts'

const capability = await canUseNftables(findTool('nft', process.env))
const skip = capability.ok ? false : `security groups need nftables: ${capability.reason}`

test('after every record is lost a guarded group is closed, recover says so, and larder allow opens it again', {
  skip,
}, async () => {
  await using service = await startTestService()
  await create(service, 'told', { NumCacheClusters: 1, AutomaticFailoverEnabled: false })
  service.larder('allow', 'told', '127.0.0.1', 'redis')
  service.larder('connect', 'told', 'SET', 'kept', 'yes')
  const beside = join(service.home, 'nodes', 'us-east-1', 'rg.told.json')
  await until('the file beside the nodes is of now', () => existsSync(beside) && readFileSync(beside, 'utf8').includes('"sg-'))
  await service.kill()
  for (const name of ['state.db', 'state.db-wal', 'state.db-shm', 'state-copies'])
    rmSync(join(service.home, name), { recursive: true, force: true })
  assert.match(
    service.larder('recover', '--yes'),
    /groups let in nobody whom a security group let in \(larder allow makes new rules\)/,
  )
  await service.start()
  assert.match(service.larder('allow', 'told'), /^told\n +nobody may connect\n$/)
  assert.match(service.larder('allow', 'told', '127.0.0.1', 'redis'), /^told\n +6379 \(redis, valkey\) +from 127\.0\.0\.1\n$/)
  assert.match(service.larder('connect', 'told', 'GET', 'kept'), /yes/)
})
