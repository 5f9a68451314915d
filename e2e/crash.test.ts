/**
 * The service is killed with SIGKILL at one write after the other of a creation, a modification and a deletion, with real engines. The
 * next start has to finish what was under way and to leave nothing that no record knows. controllers/groups/crash.test.ts does the same
 * at every write on a machine in memory.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CreateReplicationGroupCommand,
  DeleteReplicationGroupCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  IncreaseReplicaCountCommand,
} from '@aws-sdk/client-elasticache'
import { startTestService, type TestService, until } from './support/service.ts'

const entry = new URL('./support/crashing-service.ts', import.meta.url).pathname
const id = 'g'
const mostWrites = 40

const status = async (client: ElastiCacheClient): Promise<string> => {
  try {
    const { ReplicationGroups: [group] = [] } = await client.send(
      new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }),
    )
    return group?.Status ?? ''
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplicationGroupNotFoundFault') return 'gone'
    throw error
  }
}

/** Process ids whose command line names a folder of this home's nodes. */
const processesOf = (home: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(join('/proc', pid, 'cmdline'), 'utf8').includes(`${home}/nodes/`)
      } catch (error) {
        if (error instanceof Error && 'code' in error) return false // it ended while we looked
        throw error
      }
    })
    .map(Number)

const assertNothingStray = async (service: TestService): Promise<void> => {
  const nodes = await service.nodes()
  assert.deepEqual([...processesOf(service.home)].sort(), nodes.map((node) => node.pid).sort(), 'every process has a record')
  const regions = readdirSync(join(service.home, 'nodes'))
  const folders = regions
    .flatMap((region) => readdirSync(join(service.home, 'nodes', region), { withFileTypes: true }))
    .flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])) // the files say what the groups are
  assert.deepEqual(folders.sort(), nodes.map((node) => node.id).sort(), 'every folder has a record')
}

/** `act` may fail: its answer is lost when the service dies while it answers. */
const dieIn = async (
  service: TestService,
  at: number,
  phase: 'before' | 'after',
  act: (client: ElastiCacheClient) => Promise<unknown>,
  done: string,
): Promise<boolean> => {
  await service.end()
  await service.start({ CRASH_AT: String(at), CRASH_PHASE: phase })
  await act(service.client()).catch((error: unknown) => {
    if (!(error instanceof Error)) throw error
  })
  const alive = async (): Promise<boolean> => {
    try {
      return (await fetch(`${service.url()}/health`)).ok
    } catch (error) {
      if (error instanceof TypeError) return false // nobody listens any more
      throw error
    }
  }
  const died = await until('the death, or the end', async () => {
    if (!(await alive())) return 'died'
    return (await status(service.client()).catch(() => '')) === done && 'lived'
  })
  await service.kill()
  await service.start()
  return died === 'died'
}

const create = (client: ElastiCacheClient): Promise<unknown> =>
  client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: id,
      ReplicationGroupDescription: 'x',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.micro',
      NumCacheClusters: 2,
      AutomaticFailoverEnabled: true,
    }),
  )
const grow = (client: ElastiCacheClient): Promise<unknown> =>
  client.send(new IncreaseReplicaCountCommand({ ReplicationGroupId: id, NewReplicaCount: 2, ApplyImmediately: true }))
const remove = (client: ElastiCacheClient): Promise<unknown> =>
  client.send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id }))

test('every death in a creation, a growth and a deletion is survived', async (context) => {
  await using service = await startTestService({ entry })
  let points = 0
  const atRest = (wanted: readonly string[]): Promise<string> =>
    until(`the group to be ${wanted.join(' or ')}`, async () => {
      const found = await status(service.client())
      return wanted.includes(found) && found
    })
  let phase: 'before' | 'after' = 'before'
  for (let at = 1, ends = 0; ends < 1 && at < mostWrites; at += 1) {
    phase = phase === 'before' ? 'after' : 'before'
    const inCreation = await dieIn(service, at, phase, create, 'available')
    if ((await atRest(['available', 'gone'])) === 'gone') {
      await assertNothingStray(service)
      await create(service.client())
      await atRest(['available'])
    }
    await assertNothingStray(service)
    assert.equal((await service.nodes()).length, 2)

    const inGrowth = await dieIn(service, at, phase, grow, 'available')
    await atRest(['available'])
    if ((await service.nodes()).length === 2) {
      await grow(service.client())
      await until(
        'three nodes',
        async () => (await service.nodes()).length === 3 && (await status(service.client())) === 'available',
      )
    }
    await until('three whole nodes', async () =>
      (await service.nodes()).every((node) => node.pid !== null && node.status === 'available'),
    )
    await assertNothingStray(service)

    const inDeletion = await dieIn(service, at, phase, remove, 'gone')
    if (
      (await until('a decision', async () => {
        const found = await status(service.client())
        return (found === 'available' || found === 'gone') && found
      })) === 'available'
    ) {
      await remove(service.client())
      await atRest(['gone'])
    }
    await assertNothingStray(service)
    assert.deepEqual(processesOf(service.home), [])
    points += [inCreation, inGrowth, inDeletion].filter(Boolean).length
    if (!inCreation && !inGrowth && !inDeletion) ends += 1
  }
  context.diagnostic(`${points} deaths survived`)
  assert.ok(points >= 15, `expected at least 15 points, found ${points}`)
})
