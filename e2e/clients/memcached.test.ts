/**
 * pymemcache from the distribution's archive finds the nodes of a cluster by AWS's discovery protocol, with and without TLS, follows a change of
 * size, and goes on by itself after the kill of a node.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ModifyCacheClusterCommand } from '@aws-sdk/client-elasticache'
import { fromArchive } from '../support/archive.ts'
import { available, create, placesOf } from '../support/memcached.ts'
import { startTestService, until } from '../support/service.ts'
import { signalEngine } from '../support/signals.ts'
import { pythonStart, type Running, run } from './running.ts'

const kinds = ['cmd', 'tls'] as const

test('pymemcache finds nodes at the configuration endpoint, follows a change of size, and goes on after a kill', async (t) => {
  const python = await fromArchive('python')
  if (typeof python === 'string') {
    t.skip(python)
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-clients-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using service = await startTestService()
  const ca = join(folder, 'ca.pem')
  writeFileSync(ca, service.larder('ca'))
  const running: Running[] = []
  const nodesOf = async (kind: string): Promise<readonly string[]> =>
    placesOf(await available(service, kind)).nodes.map(({ host, port }) => `${host}:${port}`)
  const sees = async (count: number): Promise<void> => {
    for (const each of running) {
      const nodes = await until(`${count} nodes`, async () => {
        const found = await nodesOf(each.key)
        return found.length === count && found
      })
      await until(`${each.name} knows ${count}`, () => {
        assert.equal(each.ended(), null)
        return each.nodes().toSorted().join() === nodes.toSorted().join()
      })
    }
  }
  const goOn = async (): Promise<void> => {
    const from = Date.now()
    for (const each of running) await until(`${each.name}: ${each.last()}`, () => each.since(from).writes > 100, 30_000)
  }
  try {
    for (const kind of kinds) {
      const cluster = await create(service, kind, 2, { TransitEncryptionEnabled: kind === 'tls' })
      const wanted = { ...placesOf(cluster).configuration, kind, key: kind, ca, password: '' }
      const start = pythonStart(python, 'pymemcache_elasticache.py', [JSON.stringify(wanted)])
      running.push(run(`pymemcache, ${kind}`, kind, start))
    }
    await sees(2)
    await goOn()
    const api = service.client()
    for (const kind of kinds)
      await api.send(new ModifyCacheClusterCommand({ CacheClusterId: kind, NumCacheNodes: 3, ApplyImmediately: true }))
    api.destroy()
    await sees(3)
    await goOn()
    for (const each of running) {
      assert.deepEqual([...each.since(0).errors], [], 'a change of size is no error')
      assert.deepEqual(each.stale, [], 'each value is read back')
    }
    const nodes = await service.nodes()
    const pids = kinds.map((kind) => nodes.find((node) => node.id.startsWith(kind))?.pid)
    const killed = Date.now()
    for (const pid of pids) signalEngine(service.home, pid, 'SIGKILL')
    await goOn()
    for (const each of running) {
      const { gapMs, errors } = each.since(killed)
      const said = [...errors].map(([text, count]) => `; ${count} × ${text}`).join('')
      t.diagnostic(`${each.name}, kill: ${Math.round(gapMs)} ms${said}`)
    }
  } finally {
    await Promise.all(running.map((each) => each.end()))
  }
})
