/** The clock of the machine jumps while real engines replicate by TLS: nothing is lost, and a failover costs what it does without. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CreateReplicationGroupCommand, type ReplicationGroup } from '@aws-sdk/client-elasticache'
import { openClock, type TestClock } from './support/clock.ts'
import { available, create, primaryOf } from './support/groups.ts'
import { type StatusNode, startTestService, type TestService, until } from './support/service.ts'
import { startWriter, type Writer } from './support/writing.ts'

const version = '9.1'

const clockOf = (context: TestContext): TestClock | null => {
  const clock = openClock(version)
  if (typeof clock !== 'string') return clock
  context.skip(clock)
  return null
}

const nodeOf = async (
  service: TestService,
  group: string,
  role: StatusNode['role'],
): Promise<StatusNode & { readonly pid: number }> => {
  const node = (await service.nodes()).find((each) => each.id.startsWith(`${group}-`) && each.role === role)
  assert.ok(node !== undefined && node.pid !== null, `${group} has a ${role} that runs`)
  return { ...node, pid: node.pid }
}

/** Asked by the command line: calls of the API are signed with the right time, which the service would refuse. */
const atRest = (service: TestService, id: string): Promise<unknown> =>
  until(
    `${id} at rest`,
    async () => {
      const group = (await service.status()).groups.find((each) => each.id === id)
      const nodes = group?.shards.flatMap((shard) => shard.nodes) ?? []
      return group?.status === 'available' && nodes.every((node) => node.status === 'available')
    },
    30_000,
  )

const moreWrites = async (writer: Writer): Promise<void> => {
  const before = writer.acknowledged.size
  await until('writes go on', () => writer.acknowledged.size > before + 50)
}

/** A replica dies and copies anew, and then the primary dies. Gives how long writes paused, and how many are lost. */
const killBoth = async (
  service: TestService,
  id: string,
  writer: Writer,
): Promise<{ readonly pausedMs: number; readonly lost: number }> => {
  const replica = await nodeOf(service, id, 'replica')
  process.kill(replica.pid, 'SIGKILL')
  await until('the replica is another process', async () => {
    const now = (await service.nodes()).find((node) => node.id === replica.id)
    return now?.pid !== null && now?.pid !== replica.pid
  })
  await atRest(service, id)
  await moreWrites(writer)
  const primary = await nodeOf(service, id, 'primary')
  const acknowledged = [...writer.acknowledged]
  writer.reset()
  process.kill(primary.pid, 'SIGKILL')
  // Nobody is asked meanwhile: a command that is waited for would hold the writer up.
  await moreWrites(writer)
  const pausedMs = writer.gap()
  await until('another primary', async () => (await service.nodes()).find((node) => node.id === primary.id)?.role === 'replica')
  const stored = await writer.stored()
  // What was acknowledged in the last moment only the primary may have had, with or without TLS.
  return { pausedMs, lost: acknowledged.filter((number) => !stored.has(number)).length }
}

const place = (group: ReplicationGroup): { readonly address: string; readonly port: number } => {
  const { host, port } = primaryOf(group)
  return { address: host, port }
}

/** Days by which the clock is wrong, one after the other; each stays until the nodes have certificates of it. */
const jumps: readonly (readonly [what: string, shifts: readonly number[]])[] = [
  ['200 days ahead, and back again', [200, 0]],
  ['a year ahead', [360]],
  ['a year back', [-360]],
  ['twelve years ahead, over the end of the authority, and back again', [12 * 365, 0]],
]

for (const [what, shifts] of jumps)
  test(`a clock that jumps ${what} costs a group with TLS nothing in kills`, async (context) => {
    using clock = clockOf(context)
    if (clock === null) return
    await using service = await startTestService({ extra: clock.environment })
    const [secure, plain] = [
      await create(service, 'secure', { NumCacheClusters: 2, EngineVersion: version, TransitEncryptionEnabled: true }),
      await create(service, 'plain', { NumCacheClusters: 2, EngineVersion: version }),
    ]
    const ca = service.larder('ca')
    await using secureWriter = startWriter(place(secure), false, ca)
    await using plainWriter = startWriter(place(plain))
    await Promise.all([moreWrites(secureWriter), moreWrites(plainWriter)])
    const nodes = (await service.nodes()).filter((node) => node.id.startsWith('secure-'))
    const certificatesOf = (): readonly string[] =>
      nodes.map((node) => readFileSync(join(service.home, 'nodes', 'us-east-1', node.id, 'tls.crt'), 'utf8'))
    for (const shift of shifts) {
      const before = certificatesOf()
      clock.shift(shift)
      await until('each node has another certificate', () =>
        certificatesOf().every((certificate, index) => certificate !== before[index]),
      )
    }
    for (const id of ['secure', 'plain']) await atRest(service, id)
    const found = {
      secure: await killBoth(service, 'secure', secureWriter),
      plain: await killBoth(service, 'plain', plainWriter),
    }
    const said = JSON.stringify(found)
    context.diagnostic(said)
    assert.ok(found.secure.lost <= 5 && found.plain.lost <= 5, said)
    assert.ok(found.secure.pausedMs < 1_000 && found.plain.pausedMs < 1_000, said)
  })

test('plain groups are made and served whatever became of the authority; status and doctor say how to mend it', async () => {
  await using service = await startTestService()
  await service.end()
  const key = join(service.home, 'tls', 'ca.key')
  const right = readFileSync(key)
  writeFileSync(key, 'nothing')
  await service.start()
  const group = await create(service, 'plain', { NumCacheClusters: 2 })
  await using writer = startWriter(place(group))
  await moreWrites(writer)
  assert.match(service.larder('doctor'), /look\s+authority\s+expected a private key .*mend: put the next one/s)
  const client = service.client()
  await client.send(
    new CreateReplicationGroupCommand({
      ReplicationGroupId: 'secure',
      ReplicationGroupDescription: 'x',
      Engine: 'valkey',
      CacheNodeType: 'cache.t4g.micro',
      TransitEncryptionEnabled: true,
    }),
  )
  client.destroy()
  await until('the reason is told', () => service.larder('status').includes('expected a private key'))
  writeFileSync(key, right)
  await service.end()
  await service.start()
  await available(service, 'secure')
})
