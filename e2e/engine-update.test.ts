/** An engine that is updated, or exchanged for another, while its nodes run and are written to. */
import assert from 'node:assert/strict'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { DescribeCacheClustersCommand, RebootCacheClusterCommand } from '@aws-sdk/client-elasticache'
import { Redis } from 'ioredis'
import { openCatalog } from '../packages/service/src/engines/catalog.ts'
import { knownEngines } from '../packages/service/src/engines/known.ts'
import { available, create, modify, primaryOf } from './support/groups.ts'
import { startTestService, type TestService, until } from './support/service.ts'

/** A folder of engines of our own: links to what is installed, and whole copies of what is to be updated. */
const ownEngines = (copied: string): { readonly folder: string; readonly update: () => string } => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  const engines = join(folder, 'engines')
  mkdirSync(engines)
  for (const { source, path } of openCatalog(process.env).list()) {
    const name = basename(path)
    if (source !== 'installed') continue
    if (name === copied) cpSync(realpathSync(path), join(engines, name), { recursive: true, verbatimSymlinks: true })
    else symlinkSync(realpathSync(path), join(engines, name))
  }
  // Nobody asks the archive: what it has is not the subject.
  const names = knownEngines.map(({ engine, version }) => [`${engine}@${version}`, []])
  writeFileSync(join(engines, '.archive.json'), JSON.stringify({ at: Date.now(), offers: Object.fromEntries(names) }))
  /** As `larder engines install` leaves it: beside, with another package. */
  const update = (): string => {
    const beside = join(engines, `${copied}-2`)
    cpSync(join(engines, copied), beside, { recursive: true, verbatimSymlinks: true })
    const file = join(beside, 'installed.json')
    const provenance = JSON.parse(readFileSync(file, 'utf8')) as { readonly packages: readonly { readonly version: string }[] }
    const packages = provenance.packages.map((each, index) =>
      index === 0 ? { ...each, version: `${each.version}+fixed` } : each,
    )
    writeFileSync(file, JSON.stringify({ ...provenance, packages, installedAt: new Date().toISOString() }))
    return beside
  }
  return { folder, update }
}

const programOf = async (service: TestService, id: string): Promise<string> => {
  const pid = (await service.nodes()).find((node) => node.id === id)?.pid
  return readlinkSync(`/proc/${pid}/exe`)
}

test('an engine is updated while its nodes run: they keep theirs, are told of, and take the new one when they start', async () => {
  const { folder, update } = ownEngines('valkey-9.1')
  try {
    await using service = await startTestService({ extra: { LARDER_ENGINES: join(folder, 'engines') } })
    service.environment['LARDER_ENGINES'] = join(folder, 'engines')
    await create(service, 'shop', { EngineVersion: '9.1', NumCacheClusters: 2 })
    const before = (await service.nodes()).map(({ pid }) => pid)
    const larder = (...args: readonly string[]): string => service.larder(...args)
    assert.doesNotMatch(larder('engines'), /runs the build/)
    const beside = update()
    for (const id of ['shop-001', 'shop-002'])
      assert.match(
        larder('engines'),
        new RegExp(`^${id} runs the build of valkey \\S+ from before ${beside}, until it is rebooted`, 'm'),
      )
    assert.match(larder('doctor'), /look\s+engine updates\s.*shop-001 runs an older build of valkey/)
    await service.kill()
    await service.start()
    await available(service, 'shop')
    assert.deepEqual(
      (await service.nodes()).map(({ pid }) => pid),
      before,
      'every node lives, and is the same process',
    )
    const client = service.client()
    const reboot = { CacheClusterId: 'shop-002', CacheNodeIdsToReboot: ['0001'] }
    await client.send(new RebootCacheClusterCommand(reboot))
    client.destroy()
    await until('the replica runs the new build', async () => (await programOf(service, 'shop-002')).startsWith(`${beside}/`))
    await available(service, 'shop')
    assert.ok(!(await programOf(service, 'shop-001')).startsWith(`${beside}/`))
    assert.match(larder('engines'), /^shop-001 runs the build/m)
    assert.doesNotMatch(larder('engines'), /^shop-002 runs the build/m)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('another EngineVersion: under writes a group moves without losing one, and so do a node alone and shards', async () => {
  await using service = await startTestService()
  const group = await create(service, 'old', { EngineVersion: '8.1', NumCacheClusters: 3 })
  await create(service, 'alone', { EngineVersion: '8.1', NumCacheClusters: 1, AutomaticFailoverEnabled: false })
  await create(service, 'shards', { EngineVersion: '8.1', NumNodeGroups: 2 })
  assert.ok((await service.nodes()).every(({ version }) => version.startsWith('8.1.')))
  const alone = primaryOf(await available(service, 'alone'))
  const single = new Redis({ ...alone, retryStrategy: () => 20 })
  single.on('error', () => undefined) // it is away for a moment
  using _ends = { [Symbol.dispose]: () => single.disconnect() }
  await single.set('kept', 'by way of the disk')

  const client = new Redis({ ...primaryOf(group), retryStrategy: () => 20, maxRetriesPerRequest: null })
  client.on('error', () => undefined)
  using _ended = { [Symbol.dispose]: () => client.disconnect() }
  let written = 0
  let moving = true
  using _moved = {
    [Symbol.dispose]: () => {
      moving = false
    },
  }
  const writing = (async () => {
    while (moving) {
      await client.set(`key ${written % 1_000}`, String(written))
      written += 1
    }
  })()
  writing.catch(() => undefined) // told where it is waited for
  await Promise.all(['old', 'alone', 'shards'].map((id) => modify(service, id, { EngineVersion: '9.1' })))
  await until(
    'all run the new engine',
    async () => (await service.nodes()).every(({ version }) => version.startsWith('9.1.')),
    60_000,
  )
  moving = false
  await writing
  assert.equal(await client.get(`key ${(written - 1) % 1_000}`), String(written - 1))
  assert.equal(await single.get('kept'), 'by way of the disk')
  const api = service.client()
  const { CacheClusters = [] } = await api.send(new DescribeCacheClustersCommand({}))
  api.destroy()
  for (const each of CacheClusters) {
    assert.match(each.EngineVersion ?? '', /^9\.1\./)
    assert.match(each.CacheParameterGroup?.CacheParameterGroupName ?? '', /^default\.valkey9(?:\.cluster\.on)?$/)
  }
})
