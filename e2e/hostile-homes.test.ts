/** Homes whose names mean something to shells, to nft, to the engines' configuration and to lists of words. Everything works in them. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CreateCacheClusterCommand } from '@aws-sdk/client-elasticache'
import { available, create, primaryOf } from './support/groups.ts'
import { startTestService, until } from './support/service.ts'
import { startWriter } from './support/writing.ts'

const names = ['a b\'c"d', '$HOME;#`x`', 'ö,=%*{}[]', '-x\\n\\']

for (const name of names) {
  test(`a home in a folder called ${JSON.stringify(name)} serves, fails over, and comes back`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lh-'))
    const inside = join(folder, name)
    mkdirSync(inside)
    try {
      await using service = await startTestService({ folder: inside })
      const client = service.client()
      const memcached = { Engine: 'memcached', CacheNodeType: 'cache.t4g.micro', NumCacheNodes: 1 }
      await client.send(new CreateCacheClusterCommand({ ...memcached, CacheClusterId: 'mc', TransitEncryptionEnabled: true }))
      client.destroy()
      const group = await create(service, 'odd', { NumCacheClusters: 2 })
      const { host, port } = primaryOf(group)
      await until('all available', async () => (await service.status()).groups.every(({ status }) => status === 'available'))
      await using writer = startWriter({ address: host, port })
      await until('it writes', () => writer.acknowledged.size > 10)
      const primary = (await service.nodes()).find(({ role }) => role === 'primary')
      assert.ok(primary?.pid)
      process.kill(primary.pid, 'SIGKILL')
      const before = writer.acknowledged.size
      await until('a new primary takes writes', () => writer.acknowledged.size > before + 50)
      await available(service, 'odd')
      const pids = (await service.nodes()).map(({ pid }) => pid)
      await service.kill()
      await service.start()
      await available(service, 'odd')
      assert.deepEqual(
        (await service.nodes()).map(({ pid }) => pid),
        pids,
        'every engine is found again',
      )
      await service.end()
      service.larder('down')
      await service.start()
      await available(service, 'odd')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
