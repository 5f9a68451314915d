/**
 * `nft flush ruleset`, while Larder runs and while it is away: reads come back within a bound, and a source that is kept out stays out. The whole runs in a
 * network of its own, where a flush of all rules is nobody else's.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findTool } from '../packages/service/src/engines/tools.ts'
import { guardTableOf } from '../packages/service/src/host/firewall.ts'
import { canUseNftables } from '../packages/service/src/host/nftables-try.ts'
import { until as untilSoon } from '../packages/service/src/testing/busy-machine.ts'
import { allow, newSecurityGroup } from './support/ec2.ts'
import { create } from './support/groups.ts'
import { app, guards, type Place, reach, refused, stranger } from './support/reaching.ts'
import { startTestService, type TestService, until } from './support/service.ts'

const nft = findTool('nft', process.env)
const isInside = process.env['LARDER_TEST_OWN_NETWORK'] === 'yes'

const run = (...args: readonly string[]): string => {
  const [program = '', ...before] = nft ?? []
  const { status, stdout, stderr } = spawnSync(program, [...before, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`nft ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** Longer than it takes, by far: some ten milliseconds while Larder runs, and less than half a second while it does not. */
const backMs = 5_000

const comesBack = async (reader: Place, table: string): Promise<number> => {
  run('flush', 'ruleset')
  const from = performance.now()
  await untilSoon('reads work again', async () => (await reach(reader, app)) === 'reached', backMs)
  const took = performance.now() - from
  await untilSoon('strangers are kept out again', async () => (await reach(reader, stranger)) === refused, backMs)
  assert.ok(run('list', 'tables').includes(table))
  return took
}

const keepers = (service: TestService): readonly string[] =>
  spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line.includes(`${service.home}/packet-filter`))

const inside = async (): Promise<void> => {
  await using service = await startTestService()
  const table = await guardTableOf(service.home)
  const web = await newSecurityGroup(service, 'web')
  await allow(service, web, { port: 6379, from: '127.1.0.0/16' })
  const group = await create(service, 'demo', { NumCacheClusters: 3, SecurityGroupIds: [web] })
  const [shard] = group.NodeGroups ?? []
  const endpoints = [shard?.PrimaryEndpoint, shard?.ReaderEndpoint]
  const reader = shard?.ReaderEndpoint ?? {}
  await guards(endpoints)

  const running: number[] = []
  for (let time = 0; time < 5; time += 1) running.push(await comesBack(reader, table))
  await guards(endpoints)

  const away: number[] = []
  for (const end of ['kill', 'end'] as const) {
    await until('a keeper waits', () => keepers(service).length > 0)
    await service[end]()
    for (let time = 0; time < 3; time += 1) away.push(await comesBack(reader, table))
    await guards(endpoints)
    await service.start()
    await guards(endpoints)
    running.push(await comesBack(reader, table))
  }
  console.log(
    `reads came back after ${[running, away].map((each) => each.map((ms) => ms.toFixed(0)).join(' ')).join(' ms with Larder, ')} ms without`,
  )

  // As a home of these addresses that was deleted while its rules were in force.
  const former = 'larder_0123abcd_guard'
  const text = run('list', 'table', 'ip', table).replace(table, former)
  await service.end()
  service.larder('down')
  assert.equal(run('list', 'tables').includes(table.slice(0, -'_guard'.length)), false, 'no table is left')
  await until('no keeper is left', () => keepers(service).length === 0)
  writeFileSync(join(service.home, 'former.nft'), text)
  run('-f', join(service.home, 'former.nft'))
  await service.start()
  await until('rules of a home that is no longer there are removed', () => !run('list', 'tables').includes(former))
}

if (isInside) test('reads come back and strangers stay out when all rules of the machine are flushed', inside)
else {
  const capability = await canUseNftables(nft)
  const own = spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' }).status === 0
  const why = capability.ok ? 'needs a network of its own (unshare -n, ip)' : `needs nftables: ${capability.reason}`
  test('what is flushed is put back, with Larder and without', { skip: capability.ok && own ? false : why }, (context) => {
    const environment: NodeJS.ProcessEnv = { ...process.env, LARDER_TEST_OWN_NETWORK: 'yes' }
    delete environment['NODE_TEST_CONTEXT']
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', process.execPath, '--test', fileURLToPath(import.meta.url)],
      { env: environment, encoding: 'utf8', timeout: 150_000 },
    )
    assert.equal(status, 0, `${stdout}${stderr}`)
    context.diagnostic(/reads came back.*/.exec(stdout)?.[0] ?? 'nothing was said')
  })
}
